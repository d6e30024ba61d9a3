"""Reading topics as an outsider: from the beginning, in no group, without a database; and saying how far one is."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from aiokafka import TopicPartition

from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import Received, UndecodableError, decode
from backoffice_events.contracts.base import Event, Topic
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.records import Record

_POLL_MS = 200
_GATHER_SECONDS = 0.5
"""The outside world answers in batches, as it does."""

_MOST_RECORDS = 2_000


@contextlib.asynccontextmanager
async def reading(brokers: Brokers, topics: Iterable[Topic]) -> AsyncIterator[KafkaConsumer]:
    """Read every partition of the topics from its beginning."""
    names = [topic.name for topic in topics]
    consumer = KafkaConsumer(
        *names,
        **brokers.options(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        gather=_GATHER_SECONDS,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def asking(brokers: Brokers) -> AsyncIterator[KafkaConsumer]:
    """Connect a consumer that fetches nothing, so that the broker answers its questions at once."""
    consumer = KafkaConsumer(**brokers.options())
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def poll(consumer: KafkaConsumer) -> Sequence[Record]:
    """Return what is new, waiting a moment for something."""
    batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
    return [record for records in batches.values() for record in records]


async def until_now(
    consumer: KafkaConsumer, asking: KafkaConsumer | None = None
) -> AsyncIterator[Sequence[Record]]:
    """Yield batches up to the end that the topics have at this moment.

    asking: asks for that end, where the consumer's own question would wait behind a fetch of topics that are quiet.
    """
    ends = await (asking or consumer).end_offsets(consumer.assignment())
    while True:
        places = [await consumer.position(partition) >= end for partition, end in ends.items()]
        if all(places):
            return
        yield await poll(consumer)


def decoded(records: Iterable[Record]) -> Iterator[Received[Event]]:
    """Yield the events that can be read; an outsider passes over the others."""
    for record in records:
        with contextlib.suppress(UndecodableError):
            yield decode(record)


class Progress:
    """Tells the broker what an outsider has dealt with, by its offsets in a group of its own.

    Nobody reads by them: they are there to be looked at, so that one can wait until everything is answered.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self._dealt_with: dict[TopicPartition, int] = {}

    def note(self, records: Iterable[Record]) -> None:
        """Take note of records in hand."""
        for record in records:
            self._dealt_with[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def tell(self) -> None:
        """Tell the broker that what was noted is dealt with. Raises KafkaError when it does not answer."""
        if self._dealt_with:
            if not self._dealt_with.keys() <= self._consumer.assignment():
                places = self._consumer.assignment() | self._dealt_with.keys()
                self._consumer.assign([*places])
                self._consumer.pause(*places)  # it only tells: others read
            await self._consumer.commit(self._dealt_with)
            self._dealt_with.clear()


@contextlib.asynccontextmanager
async def progress(brokers: Brokers, group: str) -> AsyncIterator[Progress]:
    """Tell how far one is under a group's name."""
    consumer = KafkaConsumer(**brokers.options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        yield Progress(consumer)
    finally:
        await consumer.stop()
