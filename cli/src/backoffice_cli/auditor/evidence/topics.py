"""Every record of every topic, in one pass over the broker."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from backoffice_events.cloudevents import Received, UndecodableError, attribute_or_none, decode
from backoffice_events.contracts.base import Event
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.messaging.batch import Undecodable
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.records import Headers, Record

_POLL_MS = 200
_MOST_RECORDS = 10_000
DEAD_LETTERS = ".dlq"


class Logged:
    """One record where the broker placed it. event: None when it cannot be decoded, then `error` says why.

    inbox_id: under which a consumer's inbox knows it; two records of the same one are the same event said twice.
    """

    __slots__ = (
        "error", "event", "event_id", "event_type", "headers", "inbox_id", "key", "offset", "partition", "raw_key",
        "time", "topic", "value",
    )  # fmt: skip

    def __init__(self, record: Record, time: int) -> None:
        self.topic, self.partition, self.offset = record.topic, record.partition, record.offset
        self.raw_key, self.value = record.key, record.value
        self.headers: Headers = [(name, value or b"") for name, value in record.headers]
        self.key = (record.key or b"").decode(errors="replace")
        self.event_id = attribute_or_none(record.headers, "ce_id")
        self.event_type = attribute_or_none(record.headers, "ce_type")
        self.time = time
        item: Received[Any] | Undecodable
        self.event: Event | None = None
        self.error: str | None = None
        try:
            item = decode(record)
            self.event = item.event
        except UndecodableError as error:
            self.error = str(error)
            item = Undecodable(record, self.error, self.event_id, self.event_type)
        self.inbox_id = inbox_id(item)

    @property
    def place(self) -> tuple[str, int, int]:
        """Return topic, partition and offset."""
        return self.topic, self.partition, self.offset

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset} {self.event_type} {self.event_id}"


class Topics:
    """All records by topic; of each partition in order."""

    def __init__(self, records: Iterable[Logged]) -> None:
        self._by_topic: dict[str, list[Logged]] = defaultdict(list)
        for record in records:
            self._by_topic[record.topic].append(record)
        for logged in self._by_topic.values():
            logged.sort(key=lambda each: (each.partition, each.offset))

    def of(self, topic: str) -> list[Logged]:
        """Return the records of a topic."""
        return self._by_topic.get(topic, [])

    def names(self) -> list[str]:
        """Return the topics that hold something."""
        return sorted(self._by_topic)

    def events(self, topic: str) -> list[Logged]:
        """Return the events of a topic, each once: where it stands first."""
        first: dict[str, Logged] = {}
        for each in self.of(topic):
            if each.event is not None:
                first.setdefault(each.inbox_id, each)
        return list(first.values())

    def __len__(self) -> int:
        return sum(map(len, self._by_topic.values()))


async def read_topics(bootstrap_servers: str, starts: Mapping[str, Mapping[int, int]]) -> Topics:
    """Read all topics from `starts`, or from their beginning, to where they end now. Raises KafkaError."""
    consumer = _consumer(bootstrap_servers)
    await consumer.start()
    try:
        places = await _places(bootstrap_servers)
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            start = starts.get(place.topic, {}).get(place.partition, 0)
            if start and not _is_reference(place.topic):
                consumer.seek(place, start)
        return Topics([logged async for logged in _until(consumer, ends)])
    finally:
        await consumer.stop()


async def ends_of(bootstrap_servers: str) -> dict[str, dict[int, int]]:
    """Return where each topic ends now: where a run that is about to begin will start."""
    consumer = _consumer(bootstrap_servers)
    await consumer.start()
    try:
        ends: dict[str, dict[int, int]] = defaultdict(dict)
        for place, end in (await consumer.end_offsets(await _places(bootstrap_servers))).items():
            ends[place.topic][place.partition] = end
        return ends
    finally:
        await consumer.stop()


def _consumer(bootstrap_servers: str) -> Any:
    return KafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # a later seek to the beginning would race with the default, which is the end
        isolation_level="read_committed",
        max_partition_fetch_bytes=4_194_304,
    )


def _is_reference(topic: str) -> bool:
    """Tell whether a topic holds what every run stands on, however long ago it was said."""
    return topic.startswith(("reference.", "hr."))


async def _places(bootstrap_servers: str) -> list[TopicPartition]:
    """Return every partition of every topic but the broker's own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = sorted(name for name in await admin.list_topics() if not name.startswith("_"))
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    return [
        TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
    ]


async def _until(consumer: Any, ends: Mapping[TopicPartition, int]) -> Any:
    open_places = {place for place, end in ends.items() if end > 0}
    while open_places:
        open_places = {place for place in open_places if await consumer.position(place) < ends[place]}
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS) if open_places else {}
        for place, records in polled.items():
            for record in records:
                if record.offset < ends[place]:
                    yield Logged(record, record.timestamp)
