"""`backoffice bench`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from backoffice_cli.bench import flow as bench
from backoffice_cli.bench import growth as bench_growth
from backoffice_cli.bench import overload as bench_overload
from backoffice_cli.commands import reconcile
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, teller
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import Stack
from backoffice_cli.stack.control import bring_down, bring_up
from backoffice_cli.stack.state import supervisor_pid

app = typer.Typer(
    help="""Measure the platform.

    Example: `backoffice bench flow --trades 2000`
    """,
    no_args_is_help=True,
)

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
    say = teller()
    with _platform(state, say) as platform:
        found = _measure(platform, trades, rate, say)
    if as_json:
        print_json(found)
    else:
        _show(found)
    if not found["reconcile"]["ok"] or found["applied"] != trades:
        raise typer.Exit(Exit.FAILED)


@app.command("overload")
def overload(
    state: StateFolder,
    factor: Annotated[float, typer.Option(min=1, help="How many times the sustained rate.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="For how long.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Publish more trades than the platform can take, ask its APIs meanwhile, and see it catch up; then reconcile.

    First finds the rate that it sustains. Exit code 1 when a trade gets lost or the sides do not agree.

    Example: `backoffice bench overload --factor 3 --seconds 300 --json --state .backoffice-bench`
    """
    say = teller()
    with _platform(state, say) as platform:
        found = _reconciled(platform, bench_overload.run(platform, factor, seconds, say), say)
    print_json(found) if as_json else _show_figures(found)
    if not found["reconcile"]["ok"]:
        raise typer.Exit(Exit.FAILED)


@app.command("growth")
def growth(
    state: StateFolder,
    up_to: Annotated[
        int, typer.Option("--up-to", min=10_000, max=100_000_000, help="Trades in the databases at the end.")
    ] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Measure what a trade costs while the databases fill: at 10,000 trades, 20,000, 50,000 and so on.

    Give it a state folder of its own. A million trades want some 20 GB of disk and half an hour.

    Example: `backoffice bench growth --up-to 1000000 --json --state .backoffice-growth`
    """
    say = teller()
    with _platform(state, say) as platform:
        found = bench_growth.run(platform, up_to, say)
    print_json(found) if as_json else _show_figures(found)


@contextmanager
def _platform(state: Path, say: Callable[[str], None]) -> Iterator[Stack]:
    """Return the running platform; one that was not up is stopped again."""
    folder = state.resolve()
    with failures():
        was_up = supervisor_pid(folder) is not None
        bring_up(folder, say)
        try:
            yield Stack.running(folder)
        finally:
            if not was_up:
                bring_down(folder)


def _measure(platform: Stack, trades: int, rate: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    return _reconciled(platform, bench.run(platform, trades, rate, say), say)


def _reconciled(platform: Stack, found: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    say("Reconciling")
    Quiet(platform, lambda _: None).wait(still_for=1, at_most=_AT_MOST_SECONDS)
    return {**found, "reconcile": reconcile.document(reconcile.run(platform))}


def _show_figures(found: dict[str, Any]) -> None:
    for name, value in found.items():
        if name != "reconcile":
            console.print(name.replace("_", " "), value)
    if "reconcile" in found:
        _show_agreement(found["reconcile"]["ok"])


def _show(found: dict[str, Any]) -> None:
    console.print(
        f"{found['applied']:,} of {found['trades']:,} trades applied, {found['applied_per_second']:,}/s"
    )
    for name in ("latency_ms", "cpu_us_per_trade", "batch_size", "memory_mb", "reference"):
        table = Table(title=name.replace("_", " "), title_justify="left", box=None, show_header=False)
        for key, value in found[name].items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            table.add_row(key, shown)
        console.print(table)
    _show_agreement(found["reconcile"]["ok"])


def _show_agreement(agree: bool) -> None:
    console.print("[green]All sides agree[/green]" if agree else "[red]The sides do not agree[/red]")
