"""`backoffice trace`."""

from typing import Annotated

import msgspec
import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import console, failures, print_json
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_cli.traces.client import trace_of
from backoffice_cli.traces.tree import tree_of

_WHY_NONE = (
    "Name it by trade id, SOURCE:REFERENCE or trace id. One report of a hundred begins a trace, and the last 2,000 are "
    "kept."
)


def trace(
    state: StateFolder,
    key: Annotated[
        str,
        typer.Argument(help="Trade id, SOURCE:REFERENCE of the front office, or trace id (logs name it)."),
    ],
    as_json: AsJson = False,
) -> None:
    """Show one trade's trace as a tree: from the front office's publication to the last journal, across all services.

    For a stack that keeps traces: the demo's, or one started with `up --traces`. One report of a hundred begins a
    trace, and each of the first hundred that `backoffice publish` sends. Exit code 1 when there is no trace of it.

    Example: `backoffice trace OMS-ME:MY-1`
    """
    with failures():
        spans = trace_of(Platform.running(state.resolve()), key)
        if as_json:
            print_json(msgspec.to_builtins(spans))
        if not spans:
            raise StackError(f"There is no trace of {key}.", _WHY_NONE)
    if not as_json:
        console.print(tree_of(spans), markup=False, highlight=False, soft_wrap=True)
