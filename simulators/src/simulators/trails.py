"""The traces of what an outsider was told, so that its answers go on with them.

A party that does not trace sends our context back at best, as this one does; a real CSD sends nothing back.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from backoffice_events.cloudevents import Received, encode
from backoffice_events.contracts.base import Event
from backoffice_events.records import Record
from backoffice_events.traces import is_sampled

_MOST: Final = 10_000


class Trails:
    """Remembers the context of each recorded trace by what it is about; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def follow(self, received: Received[Any]) -> None:
        """Remember the trace of an event by its key, if it is one that is recorded."""
        header = received.incoming_traceparent
        if header is not None and is_sampled(header):
            self._known[received.key] = header
            if len(self._known) > _MOST:
                self._known.popitem(last=False)

    def of(self, event: Event) -> str | None:
        """Return the context of what an event is about, None when it is not traced."""
        return self._known.get(event.key()) if self._known else None

    def records(self, source: str, answers: Iterable[tuple[str, Event]]) -> list[Record]:
        """Return the records that carry answers, given with their ids; none begins a trace of its own."""
        now = datetime.now(UTC)
        return [
            encode(event, event_id=event_id, source=source, time=now, traceparent=self.of(event))
            for event_id, event in answers
        ]
