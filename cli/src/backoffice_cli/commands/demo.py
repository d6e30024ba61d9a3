"""`backoffice demo`."""

from typing import Annotated

import typer

from backoffice_cli.commands import reconcile
from backoffice_cli.commands.options import StateFolder
from backoffice_cli.console import Exit, console, failures, teller
from backoffice_cli.demo import report
from backoffice_cli.demo.run import prepare_firm, prepare_stack, settle, trade
from backoffice_cli.stack.control import bring_down

_NEXT = """
What to try next (README.md goes through it step by step):
  backoffice up --simulators          start this firm again, with what just happened
  backoffice reconcile                check it again, any time
  backoffice events dlq               what could not be read
  backoffice events tail trading.trades.v1 --from-beginning
  backoffice token --role operations  then call the APIs: backoffice status shows where, each has /docs
"""


def demo(
    state: StateFolder,
    trades: Annotated[int, typer.Option(min=1, help="Trades of the tape to replay.")] = 5_000,
    rate: Annotated[int, typer.Option(min=1, help="Trades a second.")] = 500,
    seed: Annotated[str, typer.Option(help="Another seed, other mishaps.")] = "1",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the platform up at the end.")] = False,
) -> None:
    """Run the platform on real data, from empty databases to books that reconcile, and show what became of every trade.

    Starts over each time. Exit code 1 when the reconciliation finds anything.

    Example: `backoffice demo --trades 5000 --keep`
    """
    folder = state.resolve()
    with failures():
        try:
            platform = prepare_stack(folder, teller())
            prepare_firm(platform, seed, teller())
            trade(platform, trades, rate, seed)
            settle(platform)
            result = reconcile.run(platform)
            report.show(platform)
            reconcile.show(result)
        finally:
            if not keep:
                bring_down(folder)
    console.print(_NEXT, highlight=False, markup=False)
    if not result.ok:
        raise typer.Exit(Exit.FAILED)
