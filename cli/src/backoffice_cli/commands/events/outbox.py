"""`backoffice events outbox`."""

from typing import Any

import httpx
import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import Owners, Service
from backoffice_cli.commands.tables import age, show_rows
from backoffice_cli.console import Exit, failures, print_json, progress
from backoffice_cli.platform import Platform, body_of
from backoffice_cli.stack.errors import StackError

COLUMNS = ("service", "topic", "pending", "oldest")


def outbox(state: StateFolder, service: Service = None, as_json: AsJson = False) -> None:
    """Show what each service has committed and the broker does not have yet: how much, since when, by topic.

    Exit code 1 when a service did not answer; the others are shown.

    Example: `backoffice events outbox --json`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service)
        found = [_asked(owners.platform, name) for name in owners.names]
    if as_json:
        print_json(found)
    else:
        show_rows([row for each in found for row in _rows(each)], COLUMNS)
        for each in found:
            if each["error"]:
                progress.print(f"{each['service']}: {each['error']}", style="red", markup=False)
    if any(each["error"] for each in found):
        raise typer.Exit(Exit.FAILED)


def _asked(platform: Platform, service: str) -> dict[str, Any]:
    try:
        with platform.client(service, "sre") as client:
            return {"service": service, "error": None, **body_of(client.get("/messaging/outbox"))}
    except (httpx.HTTPError, StackError) as error:
        return {"service": service, "error": f"does not answer: {error}", "pending": None, "topics": []}


def _rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    if not found["topics"]:
        return [{"service": found["service"], "topic": "", "pending": found["pending"], "oldest": ""}]
    return [
        {"service": found["service"], **each, "oldest": age(each["oldest_seconds"])}
        for each in found["topics"]
    ]
