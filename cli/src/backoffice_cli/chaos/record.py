"""What the front office handed to the broker, written down before it was sent and again once it was stored.

`front_office.jsonl` in the run's record folder: a line for each record that was about to be sent (`Handed`), and later
one with its number alone and `acknowledged_at`. A record without that second line may lie on the topic or not.
"""

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from backoffice_events.cloudevents import attribute_or_none
from backoffice_events.records import Record

FRONT_OFFICE = "front_office.jsonl"


@dataclass(frozen=True, slots=True)
class Handed:
    """One record handed to the broker.

    number: in the order of handing over. kind: a plain `trade`, the mishap of the front office (`amends`, `busts`…), or
    what a fault sent: `duplicate`, `poison`, `stray`. broken: which bad data, None for a good record. key: None when it
    has none; bytes that are no UTF-8 as surrogates. acknowledged: the broker said that it is stored.
    """

    number: int
    topic: str
    key: str | None
    event_id: str | None
    event_type: str | None
    kind: str
    broken: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    acknowledged: bool = False


class FrontOfficeRecord:
    """Appends to the file; from any thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FRONT_OFFICE
        self._numbers = count(_last_number(path) + 1)
        self._file = path.open("a", encoding="utf-8")
        self._writing = threading.Lock()

    def intend(self, records: Sequence[Record], kinds: Sequence[tuple[str, str | None]]) -> list[int]:
        """Write down what is about to be sent, each with its kind and breakage; return the numbers."""
        with self._writing:
            numbers = [next(self._numbers) for _ in records]
            lines = map(_line, numbers, records, kinds)
            self._write(lines)
        return numbers

    def acknowledge(self, numbers: Sequence[int]) -> None:
        """Write down that the broker has stored these."""
        now = datetime.now(UTC).isoformat()
        with self._writing:
            self._write({"number": number, "acknowledged_at": now} for number in numbers)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, lines: Iterator[dict[str, Any]]) -> None:
        self._file.writelines(json.dumps(line) + "\n" for line in lines)
        self._file.flush()


def read_record(folder: Path) -> list[Handed]:
    """Return all that was handed over, in order."""
    handed: dict[int, Handed] = {}
    for line in (folder / FRONT_OFFICE).read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        number = found["number"]
        if "acknowledged_at" in found:
            handed[number] = replace(handed[number], acknowledged=True)
        else:
            handed[number] = _handed(found)
    return list(handed.values())


def _line(number: int, record: Record, kind: tuple[str, str | None]) -> dict[str, Any]:
    return {
        "number": number,
        "topic": record.topic,
        "key": None if record.key is None else record.key.decode(errors="surrogateescape"),
        "event_id": attribute_or_none(record.headers, "ce_id"),
        "event_type": attribute_or_none(record.headers, "ce_type"),
        "kind": kind[0],
        "broken": kind[1],
        "value": None if record.value is None else base64.b64encode(record.value).decode(),
        "headers": [[name, base64.b64encode(value).decode()] for name, value in record.headers],
    }


def _handed(found: dict[str, Any]) -> Handed:
    value = found.pop("value")
    headers = found.pop("headers")
    return Handed(
        **found,
        value=None if value is None else base64.b64decode(value),
        headers=tuple((name, base64.b64decode(content)) for name, content in headers),
    )


def _last_number(path: Path) -> int:
    """Return the last number of a record that is continued."""
    if not path.exists():
        return 0
    return max((json.loads(line)["number"] for line in path.read_text().splitlines()), default=0)
