"""How far consumer groups are behind, asked of the broker alone: it answers also for a service that is down."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol

from backoffice_events.brokers import Brokers
from backoffice_events.kafka_consumer import KafkaConsumer

FETCH_MS: Final = 500
FETCHES: Final = 6
FETCH_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition as a group sees it.

    committed: the next offset to take; None before the first commit. end: the offset of the next record to come.
    lag: records in between that the topic still holds. oldest_at: when the oldest of them was written; None without
    any, or when the broker did not hand it over in time.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A consumer group. state: the broker's word, such as Stable, PreparingRebalance or Empty. members: how many."""

    group: str
    state: str
    members: int
    partitions: Sequence[PartitionLag]

    @property
    def lag(self) -> int:
        """Records that wait for the group."""
        return sum(partition.lag for partition in self.partitions)


async def group_names(brokers: Brokers) -> list[str]:
    """Return every consumer group that the broker knows. Raises KafkaError when it does not answer."""
    async with _admin(brokers) as admin:
        return sorted(name for name, kind in await admin.list_consumer_groups() if kind in {"", "consumer"})


async def measure(brokers: Brokers, groups: Mapping[str, Iterable[str]]) -> list[GroupLag]:
    """Return the lag of groups, each with the topics that it is known to read.

    Topics that the broker knows a group for, by its members or its commits, count too. Raises KafkaError when the
    broker does not answer.
    """
    consumer = KafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        async with _admin(brokers) as admin:
            return [await _measure(admin, consumer, group, topics) for group, topics in groups.items()]
    finally:
        await consumer.stop()


async def committed_offsets(brokers: Brokers, group: str) -> dict[TopicPartition, int]:
    """Return where a group would go on, by partition; nothing of those where it has committed nothing."""
    async with _admin(brokers) as admin:
        return await _committed(admin, group)


@asynccontextmanager
async def _admin(brokers: Brokers) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**brokers.options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _measure(admin: Any, consumer: Any, group: str, topics: Iterable[str]) -> GroupLag:
    state, subscribed, members = await _described(admin, group)
    committed = await _committed(admin, group)
    names = sorted({*topics, *subscribed, *(place.topic for place in committed)})
    places = await _places(admin, names)
    beginnings, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    starts = {place: max(committed.get(place, 0), beginnings[place]) for place in places}
    behind = {place: start for place, start in starts.items() if start < ends[place]}
    oldest = await _oldest(consumer, behind)
    partitions = [
        PartitionLag(
            topic=place.topic,
            partition=place.partition,
            committed=committed.get(place),
            end=ends[place],
            lag=max(0, ends[place] - starts[place]),
            oldest_at=oldest.get(place),
        )
        for place in places
    ]
    return GroupLag(group, state, members, partitions)


async def _described(admin: Any, group: str) -> tuple[str, set[str], int]:
    """Return a group's state, the topics that its members read, and how many members it has."""
    [answer] = await admin.describe_consumer_groups([group])
    [(_, _, state, kind, _, members, *_)] = answer.groups
    topics: set[str] = set()
    if kind == "consumer":
        for _, _, _, metadata, *_ in members:
            if metadata:
                topics.update(ConsumerProtocol.METADATA.decode(metadata).subscription)
    return state, topics, len(members)


async def _committed(admin: Any, group: str) -> dict[TopicPartition, int]:
    found = await admin.list_consumer_group_offsets(group)
    return {place: known.offset for place, known in found.items() if known.offset >= 0}


async def _places(admin: Any, topics: Sequence[str]) -> list[TopicPartition]:
    described = await admin.describe_topics(list(topics)) if topics else []
    places = [
        TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
    ]
    return sorted(places)


async def _oldest(consumer: Any, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, datetime]:
    """Return when the first record at or behind each offset was written."""
    found: dict[TopicPartition, datetime] = {}
    for _ in range(FETCHES):
        missing = [place for place in starts if place not in found]
        if not missing:
            break
        consumer.assign(missing)
        for place in missing:
            consumer.seek(place, starts[place])
        for place, records in (await consumer.getmany(timeout_ms=FETCH_MS)).items():
            found[place] = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
    return found
