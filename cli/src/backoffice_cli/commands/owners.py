"""Which services a command asks, and as whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from backoffice_cli.platform import Platform, body_of, every_page
from backoffice_cli.stack.errors import StackError

NOT_FOUND = 404
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Service = Annotated[str | None, typer.Option("--service", "-s", help="Only this service; all when left out.")]
Role = Annotated[str, typer.Option("--role", help="Act as somebody of this role: sre or operations.")]
Person = Annotated[int, typer.Option("--person", min=1, max=2, help="The role's first or second person.")]
Why = Annotated[str, typer.Option("--reason", help="Why: it is kept on record.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Since = Annotated[
    str | None, typer.Option("--since", help="From this time on: 2024-06-03T09:30:00Z, or 30m, 2h, 1d ago.")
]


@dataclass(frozen=True, slots=True)
class Owners:
    """The services that are asked, one or all, as a person of a role."""

    platform: Platform
    service: str | None
    role: str = "sre"
    person: int = 1

    @property
    def names(self) -> list[str]:
        """Return the services asked."""
        return [self.service] if self.service else self.platform.services

    def listed(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Return every item of a list, each with its service."""
        given = {name: value for name, value in filters.items() if value is not None}
        for name in self.names:
            with self.platform.client(name, self.role, self.person) as client:
                for item in every_page(client, path, **given):
                    yield {"service": name, **item}

    def post(self, service: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return a service's answer to a document."""
        with self.platform.client(service, self.role, self.person) as client:
            answer: dict[str, Any] = body_of(client.post(path, json=document))
        return answer

    def found(self, path: str, what: str, *, listing: str) -> dict[str, Any]:
        """Return the one item of a path, with its service. Raises StackError when no service has it.

        listing: the command that lists what there is.
        """
        for name in self.names:
            with self.platform.client(name, self.role, self.person) as client:
                response = client.get(path)
            if response.status_code != NOT_FOUND:
                return {"service": name, **body_of(response)}
        raise StackError(f"No service has {what}.", f"List them: {listing}")


def moment(since: str | None) -> datetime | None:
    """Return the time that a person gave: ISO 8601, UTC unless it says otherwise, or a span before now."""
    if since is None:
        return None
    try:
        if since[:-1].isdecimal() and since[-1] in _UNITS:
            return datetime.now(UTC) - timedelta(**{_UNITS[since[-1]]: int(since[:-1])})
        given = datetime.fromisoformat(since)
    except OverflowError:
        raise typer.BadParameter(f"{since!r} goes back to before all calendars") from None
    except ValueError:
        raise typer.BadParameter(f"{since!r} is no time: give 2024-06-03T09:30:00Z, or 30m, 2h, 1d") from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def iso(since: str | None) -> str | None:
    """Return the time that a person gave as a service reads it."""
    given = moment(since)
    return given.isoformat() if given else None
