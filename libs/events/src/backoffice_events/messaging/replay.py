"""Rebuilding a consumer's projection: its topics are read again, up to where it stands, into tables of their own.

The records pass through the same processor as live ones: duplicates, order and refusals are judged alike. Only what is
open, discarded or parked in the live database is left out: it has not taken effect there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.brokers import Brokers
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.messaging.batch import ConsumerSpec
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.messaging.lag import committed_offsets
from backoffice_events.messaging.processor import Processor, read
from backoffice_events.messaging.unit import Transactions
from backoffice_events.records import Record

BATCH: Final = 1000
POLL_MS: Final = 1000

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

_NOT_IN_EFFECT = text(
    "SELECT topic, partition, record_offset, inbox_id::text FROM dead_letter"
    " WHERE consumer = :group AND status <> 'redriven'"
    " UNION ALL SELECT topic, partition, record_offset, inbox_id::text FROM parked_event"
    " WHERE consumer = :group".replace("::", r"\:\:")
)


class NotInEffect(NamedTuple):
    """What a group has taken note of and what has not taken effect: places of records, and ids in its inbox.

    By its id an event is known wherever it was delivered once more. What could not be read when it came is known by its
    place alone, and may be readable by now.
    """

    places: frozenset[Place]
    events: frozenset[str]

    def holds(self, record: Record) -> bool:
        """Tell whether a record is one of these, or brings one of these events again."""
        return _place(record) in self.places or (bool(self.events) and inbox_id(read(record)) in self.events)


class NotRebuildableError(Exception):
    """The topics do not hold what the projection was made of; its text says which and since where."""


async def not_in_effect(connection: AsyncConnection, group: str) -> NotInEffect:
    """Return what a group has taken note of and what has not taken effect."""
    rows = (await connection.execute(_NOT_IN_EFFECT, {"group": group})).all()
    return NotInEffect(frozenset((row[0], row[1], row[2]) for row in rows), frozenset(row[3] for row in rows))


@dataclass(slots=True)
class Rebuild:
    """One rebuild on its way. read: records read so far. skipped: those of them that have not taken effect live."""

    spec: ConsumerSpec
    transactions: Transactions
    brokers: Brokers
    positions: dict[TopicPartition, int]
    read: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, spec: ConsumerSpec, transactions: Transactions, brokers: Brokers) -> "Rebuild":
        """Return a rebuild that begins with the oldest record. transactions: on the tables to be filled."""
        return cls(spec, transactions, brokers, {})

    async def targets(self) -> dict[TopicPartition, int]:
        """Return how far the live consumer has come, by partition."""
        topics = {topic.name for topic in self.spec.topics}
        committed = await committed_offsets(self.brokers, self.spec.group)
        return {place: offset for place, offset in committed.items() if place.topic in topics}

    async def advance(self, targets: Mapping[TopicPartition, int], leave_out: NotInEffect) -> None:
        """Apply what lies before the targets and has not been applied yet.

        Raises NotRebuildableError when a topic that is not compacted no longer begins at its beginning.
        """
        places = [place for place, end in targets.items() if self.positions.get(place, 0) < end]
        if not places:
            return
        processor = Processor(self.spec, self.transactions, DeadLetterCap(share=1.0))
        consumer = KafkaConsumer(
            **self.brokers.options(),
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            await self._seek(consumer, places)
            async for records in _until(consumer, targets):
                taken = [record for record in records if not leave_out.holds(record)]
                self.read += len(records)
                self.skipped += len(records) - len(taken)
                await processor.process(taken)
        finally:
            await consumer.stop()
        self.positions.update(targets)

    async def _seek(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        consumer.assign(places)
        beginnings = await consumer.beginning_offsets(places)
        compacted = {topic.name for topic in self.spec.topics if topic.compacted}
        for place in places:
            start = self.positions.get(place, 0)
            if start < beginnings[place] and place.topic not in compacted:
                raise NotRebuildableError(
                    f"{place.topic} partition {place.partition} begins at offset {beginnings[place]}: what came before"
                    " has passed its retention, so the projection cannot be rebuilt from the topic"
                )
            consumer.seek(place, max(start, beginnings[place]))


async def _until(consumer: Any, targets: Mapping[TopicPartition, int]) -> AsyncIterator[Sequence[Record]]:
    """Yield batches of the records before the targets."""
    pending = set(consumer.assignment())
    while pending:
        fetched = await consumer.getmany(*pending, timeout_ms=POLL_MS, max_records=BATCH)
        records = [
            record for place, found in fetched.items() for record in found if record.offset < targets[place]
        ]
        if records:
            yield records
        pending = {place for place in pending if await consumer.position(place) < targets[place]}


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset
