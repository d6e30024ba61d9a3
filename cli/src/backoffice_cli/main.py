"""The `backoffice` command."""

import logging

import typer

from backoffice_cli.commands import (
    approvals,
    audit,
    bench,
    chaos,
    day,
    demo,
    down,
    events,
    load,
    logs,
    provision,
    publish,
    reconcile,
    status,
    token,
    trace,
    up,
)

app = typer.Typer(
    name="backoffice",
    help="""An open back office for investment firms: run it, feed it, look into it, check it.

    Example: `backoffice up && backoffice status`; each command's `--help` has its own.
    """,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

# A broker that does not answer is said once, in our words.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

app.command("up")(up.up)
app.command("down")(down.down)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("token")(token.token)
app.command("provision")(provision.provision_servers)
app.command("publish")(publish.publish)
app.command("demo")(demo.demo)
app.command("chaos")(chaos.chaos)
app.command("reconcile")(reconcile.reconcile)
app.add_typer(approvals.app, name="approvals")
app.add_typer(audit.app, name="audit")
app.command("trace")(trace.trace)
app.add_typer(bench.app, name="bench")
app.add_typer(day.app, name="day")
app.add_typer(events.app, name="events")
app.add_typer(load.app, name="load")

if __name__ == "__main__":
    app()
