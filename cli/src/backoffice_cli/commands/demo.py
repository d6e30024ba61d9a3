"""`backoffice demo`."""

from typing import Annotated

import typer

from backoffice_cli.commands import reconcile
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, end_as_by_interrupt, failures, print_json, teller
from backoffice_cli.demo import report
from backoffice_cli.demo.alone import alone
from backoffice_cli.demo.outcomes import outcomes, sent
from backoffice_cli.demo.run import prepare_firm, prepare_platform, settle, trade
from backoffice_cli.flow import record_of
from backoffice_cli.platform import Stack
from backoffice_cli.reconciliation.compare import compare
from backoffice_cli.reconciliation.report import Report
from backoffice_cli.stack.control import bring_down
from backoffice_cli.stack.paths import description_of

_NEXT = """
What to try next (README.md goes through it step by step):
  .venv/bin/backoffice up --simulators  start this firm again, with all that just happened
  .venv/bin/backoffice status           where each service listens; its API is described at /docs
  .venv/bin/backoffice events dlq       what could not be read
  .venv/bin/backoffice events tail trading.trades.v1 --no-follow --limit 3
  .venv/bin/backoffice reconcile        check all sides again, any time
  .venv/bin/backoffice down             stop it
"""


def demo(
    state: StateFolder,
    trades: Annotated[int, typer.Option(min=1, help="Trades of the tape to replay.")] = 5_000,
    rate: Annotated[int, typer.Option(min=1, help="Trades a second.")] = 500,
    seed: Annotated[str, typer.Option(help="Another seed, other mishaps.")] = "1",
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the platform up at the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the platform on real data, from empty databases to books that reconcile, and show what became of every trade.

    Starts over each time; waits while another demo runs in the same folder. A platform that `platform.json` in the
    folder describes has to be empty, with its simulators up, and is left up. Exit code 1 when the reconciliation finds
    anything, or a trade has no outcome.

    Example: `backoffice demo --trades 5000 --keep`, or for a program `backoffice demo --json > demo.json`
    """
    folder, say = state.resolve(), teller()
    end_as_by_interrupt()
    with failures(), alone(folder, say):
        try:
            platform = prepare_platform(folder, say)
            prepare_firm(platform, seed, say)
            trade(platform, trades, rate, seed)
            settle(platform)
            snapshot = reconcile.read(platform)
            found = report.findings(platform, outcomes(snapshot), sent(record_of(folder)))
            ok = _tell(found, compare(snapshot), as_json=as_json)
        finally:
            if not (keep or description_of(folder).exists()):
                say("Stopping the platform")
                bring_down(folder)
    if isinstance(platform, Stack) and not as_json:
        console.print(_NEXT, highlight=False, markup=False, soft_wrap=True)
    if not ok:
        raise typer.Exit(Exit.FAILED)


def _tell(found: report.Findings, result: Report, *, as_json: bool) -> bool:
    """Print what the demo came to and the reconciliation; return whether all of it is as it should be."""
    ok = result.ok and found.complete
    if as_json:
        print_json({"ok": ok, **report.document(found), "reconcile": reconcile.document(result)})
    else:
        report.show(found)
        reconcile.show(result)
    return ok
