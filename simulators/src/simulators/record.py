"""A simulator's own record of what it says: the evidence of an outsider, against which the platform can be held."""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backoffice_events.cloudevents import attribute_or_none
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record


class OwnRecord:
    """Appends JSON lines to a file, or does nothing without a path.

    Of each record two lines: one before it is sent, `intended`, and one once the broker has it, `acknowledged`. Lines
    are in the kernel's hands when a call returns, so they outlive this process however it ends. After a restart the
    same words may be intended, and acknowledged, once more.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)

    async def send(self, publisher: Publisher, records: Sequence[Record]) -> None:
        """Write down what is about to be said, say it, and write down that it was heard."""
        if not records:
            return
        self._write(_intended(record) for record in records)
        await publisher.send(records)
        self._write({"stage": "acknowledged", "event_id": _id(record)} for record in records)

    def _write(self, lines: Iterable[dict[str, Any]]) -> None:
        if self._file is not None:
            now = datetime.now(UTC).isoformat()
            self._file.write(b"".join(json.dumps({**line, "at": now}).encode() + b"\n" for line in lines))


def _intended(record: Record) -> dict[str, Any]:
    return {
        "stage": "intended",
        "event_id": _id(record),
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "type": attribute_or_none(record.headers, "ce_type"),
        "value": b64encode(record.value or b"").decode(),
    }


def _id(record: Record) -> str | None:
    return attribute_or_none(record.headers, "ce_id")
