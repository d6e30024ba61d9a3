"""`backoffice events`: look into the topics, see who is behind, and handle what services could not take."""

import typer

from backoffice_cli.commands.events import dlq, lag, outbox, parked, replay, tail

app = typer.Typer(
    help="""Look into the topics, see who is behind, handle events that a service could not take.

    Example: `backoffice events lag`
    """,
    no_args_is_help=True,
)
_REDRIVE = """The same as `dlq redrive`.

Example: `backoffice events redrive --service ledger --failure "is closed" --reason "the account is open again"`
"""

app.command("tail")(tail.tail)
app.command("lag")(lag.lag)
app.command("outbox")(outbox.outbox)
app.command("replay")(replay.replay)
app.add_typer(dlq.app, name="dlq")
app.add_typer(parked.app, name="parked")
app.command("redrive", help=_REDRIVE)(dlq.redrive)
