"""The `backoffice` command."""

import logging
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_group

# The list of commands is shown from here: a command's module is imported once that command is called. It has the
# command's name, and in it the command is a function of that name, or a group of commands, `app`.
COMMANDS = {
    "up": "Start the platform: Kafka, PostgreSQL, the identity provider and the five services, all on this machine.",
    "down": "Stop the platform. Data stay, and the next `up` goes on with them.",
    "status": "Show what runs where: each component's state, address, process, memory and restarts.",
    "logs": "Show a component's log: readable on a terminal, as written with --json.",
    "token": "Fetch an access token from the local issuer, to call the APIs as somebody of a role.",
    "provision": "Prepare servers of your own: topics, and a database with its two roles for each service. "
    "Safe to repeat.",
    "publish": "Publish front-office events: each line is checked against its contract; good ones go out, "
    "others are named.",
    "demo": "Run the platform on real data, from empty databases to books that reconcile, and show what became of "
    "every trade.",
    "chaos": "Run trades under faults that the seed draws, heal everything, and audit that nothing is lost or twice.",
    "reconcile": "Compare the front office's record with every service, trade by trade and in total, "
    "once all is quiet.",
    "trace": "Show one trade's trace as a tree: from the front office's publication to the last journal, "
    "across all services.",
    "approvals": "What one person proposed and another one decides on.",
    "audit": "Who changed what, and whether the record of it is whole.",
    "bench": "Measure the platform.",
    "day": "The firm's business day: services act on it, never on the machine's clock.",
    "events": "Look into the topics, see who is behind, handle events that a service could not take.",
    "load": "Load reference data and employees in bulk, from CSV files or JSON lines. "
    "A second load changes nothing.",
}


class OnDemand(TyperGroup):
    """Commands that stand in the list by name and help, each imported when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names, imported, with the words that are left for it."""
        if args[0] in COMMANDS:
            self.add_command(imported(args[0]))
        return super().resolve_command(ctx, args)


def imported(name: str) -> Any:
    """Return a command out of its module, as Typer builds it."""
    module = import_module(f"backoffice_cli.commands.{name}")
    alone = typer.Typer(rich_markup_mode=app.rich_markup_mode)
    if hasattr(module, "app"):
        alone.add_typer(module.app, name=name)
    else:
        alone.command(name)(getattr(module, name))
    return get_group(alone).commands[name]


def _in_the_list() -> NoReturn:
    """Stand for a command until OnDemand puts the command itself in its place."""
    raise NotImplementedError


app = typer.Typer(
    name="backoffice",
    cls=OnDemand,
    help="""An open back office for investment firms: run it, feed it, look into it, check it.

    Example: `backoffice up && backoffice status`; each command's `--help` has its own.
    """,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command, summary in COMMANDS.items():
    app.command(command, help=summary)(_in_the_list)

# A broker that does not answer is said once, in our words.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

if __name__ == "__main__":
    app()
