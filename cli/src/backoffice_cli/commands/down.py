"""`backoffice down`."""

from typing import Annotated

import typer

from backoffice_cli.commands.options import StateFolder
from backoffice_cli.console import failures, teller
from backoffice_cli.stack.control import bring_down, delete_data


def down(
    state: StateFolder,
    delete: Annotated[
        bool, typer.Option("--delete-data", help="Also remove topics, databases and logs.")
    ] = False,
) -> None:
    """Stop the platform. Data stay, and the next `up` goes on with them.

    Exit code 0 also when nothing ran.

    Example: `backoffice down --delete-data`
    """
    say = teller()
    with failures():
        folder = state.resolve()
        say("Stopped" if bring_down(folder) else "Nothing was running")
        if delete:
            delete_data(folder)
            say("Data deleted")
