"""The outsiders' own records of what they said, each a file of JSON lines in the run's folder.

Each is written by the process that speaks: before it hands an event to the broker, and again after the broker took it.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from backoffice_cli.chaos.record import FRONT_OFFICE

COUNTERPARTIES = "counterparties.jsonl"
CSD = "csd.jsonl"
STARTS = "starts.json"

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Starts:
    """Where a run begins: the end of each topic's partitions and the size of each record, before it."""

    topics: dict[str, dict[int, int]] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said. at: when it was, UTC. acknowledged: the broker took it, for certain."""

    at: datetime
    event_id: str | None
    topic: str
    key: str
    value: bytes
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Records:
    """What all outsiders said in a run, in their order."""

    front_office: tuple[Said, ...]
    counterparties: tuple[Said, ...]
    csd: tuple[Said, ...]
    starts: Starts


def read_records(folder: Path) -> Records:
    """Read a run's folder; a record that is missing is empty."""
    path = folder / STARTS
    starts = msgspec.json.decode(path.read_bytes(), type=Starts) if path.exists() else Starts()
    return Records(
        front_office=_said(folder, FRONT_OFFICE, starts, _number, _reported_at),
        counterparties=_said(folder, COUNTERPARTIES, starts, _event_id, _said_at),
        csd=_said(folder, CSD, starts, _event_id, _said_at),
        starts=starts,
    )


def write_starts(folder: Path, topics: dict[str, dict[int, int]]) -> None:
    """Write down where a run begins. topics: where each of them ends."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in (FRONT_OFFICE, COUNTERPARTIES, CSD)}
    records = {name: path.stat().st_size for name, path in paths.items() if path.exists()}
    (folder / STARTS).write_bytes(msgspec.json.encode(Starts(topics, records)))


def _said(
    folder: Path, name: str, starts: Starts, identity: Callable[[Line], Any], at: Callable[[Line], datetime]
) -> tuple[Said, ...]:
    lines = list(_lines(folder / name, starts.records.get(name, 0)))
    acknowledged = {identity(line) for line in lines if "topic" not in line}
    return tuple(
        Said(
            at=at(line),
            event_id=line["event_id"],
            topic=line["topic"],
            key=line["key"] or "",
            value=b64decode(line["value"] or ""),
            acknowledged=identity(line) in acknowledged,
        )
        for line in lines
        if "topic" in line
    )


def _lines(path: Path, start: int) -> Iterator[Line]:
    """Yield the lines from a place on; whoever wrote them may have been killed in the middle of the last."""
    if path.exists():
        decode = msgspec.json.Decoder(Line).decode
        yield from map(decode, path.read_bytes()[start:].split(b"\n")[:-1])


def _number(line: Line) -> Any:
    return line["number"]


def _event_id(line: Line) -> Any:
    return line["event_id"]


def _said_at(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])


def _reported_at(line: Line) -> datetime:
    """Return when the front office says that it reported: its header may be broken on purpose."""
    stated = b64decode(dict(line["headers"]).get("ce_time", ""))
    try:
        at = datetime.fromisoformat(stated.decode())
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
