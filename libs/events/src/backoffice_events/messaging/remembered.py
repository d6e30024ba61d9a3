"""What this process has committed to the outbox of late, so that its relay need not read it back."""

from collections.abc import Iterable, Sequence
from typing import Final

from backoffice_events.messaging.outbox import Outgoing

MAX_BYTES: Final = 8_388_608  # of content: with headers and objects three times that in memory


class Remembered:
    """Records by event id. A spare copy only: whatever is not here stands in the table, which alone gives the order."""

    def __init__(self) -> None:
        self._records: dict[str, Outgoing] = {}
        self._bytes = 0

    def add(self, outgoing: Sequence[Outgoing]) -> None:
        """Remember what was committed; forget everything first when it gets too much, as while the broker is away."""
        size = sum(map(_size, outgoing))
        if self._bytes + size > MAX_BYTES:
            self.clear()
        self._bytes += size
        self._records.update((each.event_id, each) for each in outgoing)

    def get(self, event_id: str) -> Outgoing | None:
        """Return the record of an event, None when it is not here."""
        return self._records.get(event_id)

    def forget(self, event_ids: Iterable[str]) -> None:
        """Forget records that have been sent."""
        for event_id in event_ids:
            if (sent := self._records.pop(event_id, None)) is not None:
                self._bytes -= _size(sent)

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._bytes = 0


def _size(outgoing: Outgoing) -> int:
    """Return the bytes of a record's content: of a dead letter's copy the headers may be nearly all there is."""
    record = outgoing.record
    return len(record.value or b"") + sum([len(value or b"") for _, value in record.headers])
