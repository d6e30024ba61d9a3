"""`backoffice events parked`: events that wait behind a dead letter of their key."""

from typing import Annotated

import typer

from backoffice_cli.commands.events.handling import sentence
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import DryRun, Owners, Person, Role, Service, Why
from backoffice_cli.commands.tables import show_entries, words
from backoffice_cli.console import Exit, console, failures, print_json
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError

PATH = "/messaging/parked"

app = typer.Typer(
    help="""Parked events: they wait behind a dead letter of their key.

    Example: `backoffice events parked list --json`
    """,
    no_args_is_help=True,
)

Key = Annotated[str, typer.Option("--key", help="The key that they share, such as a trade id.")]
Consumer = Annotated[
    str | None, typer.Option(help="The consumer group, when more than one has parked the key.")
]


@app.command("list")
def list_(
    state: StateFolder,
    service: Service = None,
    consumer: Annotated[str | None, typer.Option(help="Only those of this consumer group.")] = None,
    key: Annotated[str | None, typer.Option(help="Only those of this key.")] = None,
    as_json: AsJson = False,
) -> None:
    """List parked events in the order in which they will be taken, with the dead letter that each waits behind.

    Example: `backoffice events parked list --service ledger`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service)
        found = list(owners.listed(PATH, consumer=consumer, key=key))
    if as_json:
        print_json(found)
    else:
        show_entries(
            (
                words(one["service"], one["consumer"], one["key"], one["event_type"], one["parked_at"]),
                f"behind {one['behind']}: {one['behind_reason']}",
            )
            for one in found
        )


@app.command("release")
def release(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    reason: Why,
    key: Key,
    service: Service = None,
    consumer: Consumer = None,
    dry_run: DryRun = False,
    role: Role = "sre",
    person: Person = 1,
    as_json: AsJson = False,
) -> None:
    """Let the parked events of a key go on, in order, although the dead letter before them stays open.

    Normally a redrive or a discard of the dead letter lets them go on; release is the exception, a person's decision.
    It is right when they cannot wait for the dead letter to be mended and do not build on it, such as a settlement that
    waits behind a refused trade of the ledger. It changes the order: they take effect before the dead letter. Where
    they supersede it, such as a later version of the trade, it can never be redriven any more, only discarded. Later
    events of the key go on being parked until it is dealt with.

    Exit code 1 when none went on, or one of them was refused: it is a dead letter then, and the rest waits behind it.

    Example: `backoffice events parked release --service ledger --key $TRADE_ID --reason "settled; the desk mends v1"`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service, role, person)
        owner, group = _owner(owners, key, consumer)
        wanted = {"consumer": group, "key": key, "reason": reason, "dry_run": dry_run}
        answer = {"service": owner, **owners.post(owner, f"{PATH}/release", wanted)}
    if as_json:
        print_json(answer)
    else:
        said = f"Dry run, nothing was done: {sentence(answer)}" if dry_run else sentence(answer)
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    if answer["reason"] or answer["follower_refused"]:
        raise typer.Exit(Exit.FAILED)


def _owner(owners: Owners, key: str, consumer: str | None) -> tuple[str, str]:
    """Return the service and the consumer group that have parked a key."""
    found = {(each["service"], each["consumer"]) for each in owners.listed(PATH, key=key, consumer=consumer)}
    if not found:
        raise StackError(f"No event of key {key} is parked.", "List them: backoffice events parked list")
    if len(found) > 1:
        groups = ", ".join(sorted(group for _, group in found))
        raise StackError(f"Several consumers have parked {key}.", f"Say which with --consumer: {groups}")
    return found.pop()
