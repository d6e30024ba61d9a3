"""`backoffice events`: look into the topics, and handle what services could not take."""

import typer

from backoffice_cli.commands.events import dead_letters, tail

app = typer.Typer(
    help="Look into the topics; handle events that a service could not take.", no_args_is_help=True
)
app.command("tail")(tail.tail)
app.command("dlq")(dead_letters.dlq)
app.command("redrive")(dead_letters.redrive)
