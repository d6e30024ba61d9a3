"""`backoffice bench`."""

from typing import Annotated, Any

import typer
from rich.table import Table

from backoffice_cli.bench import flow as bench
from backoffice_cli.commands import reconcile
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, teller
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import Platform
from backoffice_cli.stack.control import bring_down, bring_up
from backoffice_cli.stack.state import supervisor_pid

app = typer.Typer(help="Measure the platform.", no_args_is_help=True)

_AT_MOST_SECONDS = 300


@app.callback()
def _group() -> None:
    """Measure the platform."""


@app.command("flow")
def flow(
    state: StateFolder,
    trades: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many trades.")] = 20_000,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Trades a second; without it as fast as they go.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish trades and measure until the ledger has booked the settlement of each, then reconcile.

    Trades settle on their trade date and nothing goes wrong on purpose. Starts the platform when it is not up, and
    stops it again. The trades stay in its books: where that matters, use a state folder of their own. Exit code 1 when
    a trade does not get through or the sides do not agree.

    Example: `backoffice bench flow --trades 20000 --json --state .backoffice/bench`
    """
    say, folder = teller(), state.resolve()
    with failures():
        was_up = supervisor_pid(folder) is not None
        bring_up(folder, say)
        try:
            found = _measure(Platform.running(folder), trades, rate, say)
        finally:
            if not was_up:
                bring_down(folder)
    if as_json:
        print_json(found)
    else:
        _show(found)
    if not found["reconcile"]["ok"] or found["applied"] != trades:
        raise typer.Exit(Exit.FAILED)


def _measure(platform: Platform, trades: int, rate: int | None, say: Any) -> dict[str, Any]:
    found = bench.run(platform, trades, rate, say)
    say("Reconciling")
    Quiet(platform, lambda _: None).wait(still_for=1, at_most=_AT_MOST_SECONDS)
    return {**found, "reconcile": reconcile.document(reconcile.run(platform))}


def _show(found: dict[str, Any]) -> None:
    console.print(
        f"{found['applied']:,} of {found['trades']:,} trades applied, {found['applied_per_second']:,}/s"
    )
    for name in ("latency_ms", "cpu_us_per_trade", "batch_size", "reference"):
        table = Table(title=name.replace("_", " "), title_justify="left", box=None, show_header=False)
        for key, value in found[name].items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            table.add_row(key, shown)
        console.print(table)
    agree = found["reconcile"]["ok"]
    console.print("[green]All sides agree[/green]" if agree else "[red]The sides do not agree[/red]")
