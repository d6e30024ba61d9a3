"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from backoffice_cli.stack.paths import default_state

StateFolder = Annotated[
    Path,
    typer.Option(
        "--state",
        help="Folder of the stack's state; BACKOFFICE_STATE names another one for all commands.",
        default_factory=default_state,
        show_default=".backoffice",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for programs: JSON on standard output.")]
