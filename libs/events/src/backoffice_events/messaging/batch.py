"""What a service's event handler is given, and how it says which events it wants."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.cloudevents import Received, decode, encode
from backoffice_events.contracts.base import Event, Topic
from backoffice_events.ids import new_id
from backoffice_events.messaging.unit import TEST_SOURCE, UnitOfWork
from backoffice_events.records import MAX_RECORD_BYTES, Headers, Record


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is not an event this release can read. reason: why, for a person."""

    record: Record
    reason: str
    event_id: str | None = None
    event_type: str | None = None

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        return self.record.key

    @property
    def value(self) -> bytes | None:
        """The original bytes."""
        return self.record.value

    @property
    def headers(self) -> Headers:
        """The original headers."""
        return self.record.headers

    @property
    def topic(self) -> str:
        """The topic that the record came on."""
        return self.record.topic

    @property
    def partition(self) -> int:
        """The partition of that topic."""
        return self.record.partition

    @property
    def offset(self) -> int:
        """The place in that partition."""
        return self.record.offset

    @property
    def for_service(self) -> bool:
        """Whether the service is asked to take it: not when it is larger than a broker takes of one record."""
        return len(self.record.value or b"") <= MAX_RECORD_BYTES


Item = Received[Any] | Undecodable
"""One record of interest, read as far as that went."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the handler refused for good. reason: why, for a person."""

    received: Received[Any]
    reason: str


class Batch(UnitOfWork):
    """New events of one poll and the transaction in which they take effect.

    events: each for the first time, in order within a partition, and only of the contracts asked for.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        events: Sequence[Received[Any]],
        *,
        now: datetime,
        source: str,
    ) -> None:
        super().__init__(connection, now=now, source=source)
        self.events = events
        self._refused: list[Refusal] = []

    def refuse(self, received: Received[Any], reason: str) -> None:
        """Send an event to the dead letters: it can never be taken. Call it before writing anything for the event."""
        self._refused.append(Refusal(received, reason))

    @property
    def refused(self) -> Sequence[Refusal]:
        """The events that were refused, with the reasons."""
        return tuple(self._refused)

    @classmethod
    def within(cls, unit: UnitOfWork, events: Sequence[Received[Any]]) -> "Batch":
        """Return a batch that shares a unit's transaction and outbox."""
        batch = cls(unit.connection, events, now=unit.now, source=unit.source)
        batch.share_outgoing(unit)
        return batch

    @classmethod
    def of(
        cls,
        connection: AsyncConnection,
        events: Sequence[Event],
        *,
        now: datetime | None = None,
        source: str = TEST_SOURCE,
    ) -> "Batch":
        """Return a batch made by hand, as if these events had just arrived: for tests of handlers.

        The events really pass through bytes, so one that could not be sent fails here.
        """
        now = now or datetime(2024, 6, 3, 9, 30, tzinfo=UTC)
        received = [_arrived(event, now, source, offset) for offset, event in enumerate(events)]
        return cls(connection, received, now=now, source=source)


def _arrived(event: Event, now: datetime, source: str, offset: int) -> Received[Event]:
    record = encode(event, event_id=new_id(), source=source, time=now)
    return decode(Record(record.topic, record.key, record.value, record.headers, 0, offset))


@dataclass(frozen=True, slots=True)
class Projection:
    """Rows that follow from a consumer's events alone, whenever and in whichever interleaving they came.

    name: what the rows are, for a person. key: the columns that tell them apart. rows: the query that gives them, as a
    template in which `{schema}` stands for the schema of the tables.
    """

    name: str
    key: tuple[str, ...]
    rows: str


Handler = Callable[[Batch], Awaitable[None]]
UndecodableHandler = Callable[[UnitOfWork, Sequence[Undecodable]], Awaitable[Sequence[Undecodable]]]


async def untaken(unit: UnitOfWork, spec: "ConsumerSpec", items: Iterable[Item]) -> Sequence[Undecodable]:
    """Return the undecodable records that the service does not take either."""
    undecodable = [item for item in items if isinstance(item, Undecodable)]
    offered = [item for item in undecodable if item.for_service]
    if not offered or spec.undecodable is None:
        return undecodable
    kept_back = [item for item in undecodable if not item.for_service]
    return [*await spec.undecodable(unit, offered), *kept_back]


@dataclass(frozen=True)
class ConsumerSpec:
    """Which events a service wants, and what it does with them.

    group: `<service>.<purpose>`, never renamed: offsets, inbox and dead letters hang on it.
    contracts: what is handed over; topics follow from them. Other types of those topics that this release knows are
    passed over, unknown ones are dead letters.
    handle: takes one batch inside its transaction; any exception means that nothing of it happened.
    ordered: later events of a key wait behind its dead letter, across this group's topics, until it is redriven or
    discarded.
    undecodable: takes records that cannot be decoded in the same transaction, and returns those it cannot take either:
    they become dead letters, as all of them do without it, and at once those that expanded beyond a broker's limit.
    gather: how long, in seconds, events may wait at the broker for others to be taken with: what is done for a batch
    costs more than what is done for an event. Short where somebody waits for the effect; 0 behind a service whose own
    batches are soon enough and large enough.
    projections: what can be rebuilt from the topics and compared; none when the rows depend on more than the events,
    such as people's decisions or the rules of the time.
    """

    group: str
    contracts: tuple[type[Event], ...]
    handle: Handler
    ordered: bool = False
    undecodable: UndecodableHandler | None = None
    gather: float = 0.5
    projections: tuple[Projection, ...] = ()

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics that the contracts travel on."""
        return tuple(sorted({contract.topic for contract in self.contracts}, key=lambda topic: topic.name))
