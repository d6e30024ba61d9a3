"""`backoffice approvals`: what waits for a second person, in all services."""

from enum import StrEnum
from typing import Annotated

import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import Owners, Person, Service
from backoffice_cli.commands.tables import show_approvals
from backoffice_cli.console import failures
from backoffice_cli.platform import Platform

app = typer.Typer(
    help="""What one person proposed and another one decides on.

    Example: `backoffice approvals list`
    """,
    no_args_is_help=True,
)

Approval = Annotated[str, typer.Argument(help="Its id.")]
Role = Annotated[str, typer.Option("--role", help="Act as somebody of this role: who may decide on it.")]
Why = Annotated[str | None, typer.Option("--reason", help="Why: it is kept on record.")]
Needed = Annotated[str, typer.Option("--reason", help="Why: it is kept on record.")]


class Status(StrEnum):
    """Where an approval stands."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@app.command("list")
def list_(
    state: StateFolder,
    service: Service = None,
    status: Annotated[Status, typer.Option(help="Where they stand.")] = Status.PROPOSED,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as case-resolution.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for a second person, or was decided: who proposed what, why, until when.

    Example: `backoffice approvals list --kind dead-letter-discard`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service, "auditor")
        found = list(owners.listed("/approvals", status=status.value, kind=kind))
    show_approvals(found, as_json=as_json)


@app.command("approve")
def approve(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    approval: Approval,
    role: Role,
    person: Person = 1,
    service: Service = None,
    reason: Why = None,
    as_json: AsJson = False,
) -> None:
    """Approve what somebody else proposed: it is carried out with this.

    Exit code 1 when it may not be approved: by this person, or any more.

    Example: `backoffice approvals approve 01900000-0000-7000-8000-000000000001 --role sre --person 2`
    """
    _decide(Owners(_platform(state), service, role, person), approval, "approve", reason, as_json=as_json)


@app.command("reject")
def reject(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    approval: Approval,
    role: Role,
    reason: Needed,
    person: Person = 1,
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Turn down what somebody else proposed.

    Example: `backoffice approvals reject 01900000-0000-7000-8000-000000000001 --role sre --person 2 --reason ours`
    """
    _decide(Owners(_platform(state), service, role, person), approval, "reject", reason, as_json=as_json)


@app.command("withdraw")
def withdraw(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    approval: Approval,
    role: Role,
    person: Person = 1,
    service: Service = None,
    reason: Why = None,
    as_json: AsJson = False,
) -> None:
    """Take back what you proposed yourself.

    Example: `backoffice approvals withdraw 01900000-0000-7000-8000-000000000001 --role sre`
    """
    _decide(Owners(_platform(state), service, role, person), approval, "withdraw", reason, as_json=as_json)


def _platform(state: StateFolder) -> Platform:
    with failures():
        return Platform.running(state.resolve())


def _decide(owners: Owners, approval: str, how: str, reason: str | None, *, as_json: bool) -> None:
    with failures():
        what = f"an approval {approval}"
        found = owners.found(f"/approvals/{approval}", what, listing="backoffice approvals list")
        answer = owners.post(found["service"], f"/approvals/{approval}/{how}", {"reason": reason})
    show_approvals([{"service": found["service"], **answer}], as_json=as_json)
