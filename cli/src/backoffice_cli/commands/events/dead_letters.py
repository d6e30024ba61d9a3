"""`backoffice events dlq` and `backoffice events redrive`."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json
from backoffice_cli.platform import Platform, body_of, every_page
from backoffice_cli.stack.errors import StackError

PATH = "/messaging/dead-letters"
NOT_FOUND = 404
Service = Annotated[str | None, typer.Option("--service", "-s", help="Only this service; all when left out.")]
DeadLetterId = Annotated[str | None, typer.Argument(help="One dead letter, by its id.")]


class Status(StrEnum):
    """Where a dead letter stands."""

    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


def dlq(
    state: StateFolder,
    dead_letter_id: DeadLetterId = None,
    service: Service = None,
    status: Annotated[Status, typer.Option(help="Where they stand.")] = Status.OPEN,
    as_json: AsJson = False,
) -> None:
    """List what services could not take, or show one with its original bytes.

    Exit code 1 when there is no dead letter of that id.

    Example: `backoffice events dlq --service ledger --json`
    """
    with failures():
        platform = Platform.running(state.resolve())
        if dead_letter_id:
            print_json(_one(platform, service, dead_letter_id))
            return
        found = [
            {"service": name, **each}
            for name in _asked(platform, service)
            for each in _list(platform, name, status)
        ]
    if as_json:
        print_json(found)
    else:
        _show(found)


def redrive(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    reason: Annotated[str, typer.Option("--reason", help="Why: it is kept on record.")],
    dead_letter_id: DeadLetterId = None,
    service: Service = None,
    consumer: Annotated[str | None, typer.Option(help="Only those of this consumer group.")] = None,
    failure: Annotated[str | None, typer.Option(help="Only those whose reason holds these words.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many of a service.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Hand dead letters to their consumer again, with the events parked behind them, in order.

    One by its id, or every open one that matches. Exit code 1 when one was refused again.

    Example: `backoffice events redrive --service ledger --reason "account 1200 is open now"`
    """
    with failures():
        platform = Platform.running(state.resolve())
        if dead_letter_id:
            owner = _one(platform, service, dead_letter_id)["service"]
            handled = [_redrive_one(platform, owner, dead_letter_id, reason)]
        else:
            wanted = {"reason": reason, "consumer": consumer, "failure": failure, "limit": limit}
            handled = [
                each for name in _asked(platform, service) for each in _redrive(platform, name, wanted)
            ]
    if as_json:
        print_json(handled)
    for each in () if as_json else handled:
        why = f": {each['reason']}" if each["reason"] else f", {each['followers']} followers went on"
        console.print(f"{each['service']} {each['id']} {each['result']}{why}", markup=False, highlight=False)
    if any(each["reason"] for each in handled):
        raise typer.Exit(Exit.FAILED)


def _asked(platform: Platform, service: str | None) -> list[str]:
    return [service] if service else platform.services


def _list(platform: Platform, service: str, status: str) -> list[dict[str, Any]]:
    with platform.client(service, "sre") as client:
        return list(every_page(client, PATH, status=status))


def _one(platform: Platform, service: str | None, dead_letter_id: str) -> dict[str, Any]:
    for name in _asked(platform, service):
        with platform.client(name, "sre") as client:
            response = client.get(f"{PATH}/{dead_letter_id}")
        if response.status_code != NOT_FOUND:
            return {"service": name, **body_of(response)}
    raise StackError(f"No service has a dead letter {dead_letter_id}.", "List them: backoffice events dlq")


def _redrive_one(platform: Platform, service: str, dead_letter_id: str, reason: str) -> dict[str, Any]:
    with platform.client(service, "sre") as client:
        answer = body_of(client.post(f"{PATH}/{dead_letter_id}/redrive", json={"reason": reason}))
    return {"service": service, **answer}


def _redrive(platform: Platform, service: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    with platform.client(service, "sre") as client:
        answer = body_of(client.post(f"{PATH}/redrive", json=wanted))
    return [{"service": service, **each} for each in answer]


def _show(found: list[dict[str, Any]]) -> None:
    if not found:
        console.print("None.")
        return
    for each in found:  # no table: an id in two parts cannot be copied
        about = (each["consumer"], each["event_type"] or "no type", each["key"] or "no key")
        head = f"{each['service']} {each['id']} {' '.join(about)}"
        for line in (head, f"  {each['reason']}"):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
