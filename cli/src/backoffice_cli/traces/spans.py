"""Spans as they are kept, and the traces that they make up."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

import msgspec

MOST_TRACES: Final = 2_000
MOST_SPANS: Final = 1_000


class Span(msgspec.Struct, frozen=True):
    """Something that a process did. start, end: nanoseconds since 1970. key: what it is about, as on Kafka.

    statement: of a call to the database.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    start: int
    end: int
    key: str = ""
    statement: str = ""


class Traces:
    """The last traces, in memory: when there are too many the oldest go, of one that is too long the end."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, list[Span]] = OrderedDict()
        self._of_key: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = Lock()

    def add(self, spans: Iterable[Span]) -> None:
        """Keep spans."""
        with self._lock:
            for span in spans:
                self._add(span)

    def _add(self, span: Span) -> None:
        known = self._traces.setdefault(span.trace_id, [])
        if len(known) < MOST_SPANS:
            known.append(span)
        if span.key and span.trace_id not in self._of_key[span.key]:
            self._of_key[span.key].append(span.trace_id)
        if len(self._traces) > MOST_TRACES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        trace_id, spans = self._traces.popitem(last=False)
        for key in {span.key for span in spans if span.key}:
            self._of_key[key].remove(trace_id)
            if not self._of_key[key]:
                del self._of_key[key]

    def of(self, key: str) -> Sequence[Span]:
        """Return the spans of a trace, by its id or by a key of something that it is about: the latest trace of it."""
        with self._lock:
            trace_id = key if key in self._traces else next(reversed(self._of_key.get(key, ())), "")
            return list(self._traces.get(trace_id, ()))
