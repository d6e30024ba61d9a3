"""aiokafka's consumer, able to read every record that a broker stores, as our own `Record`."""

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from backoffice_events.gathering import GatheringFetcher, gathering
from backoffice_events.records import Record

_BATCH_LENGTH: Final = struct.Struct(
    ">8xi"
)  # Kafka protocol, record batch: base offset, length of what follows


class KafkaConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Reads headers whose names are not UTF-8, too, and returns records as `Record`.

    The protocol wants names in UTF-8, but brokers don't check it, and aiokafka can't get past such a record: one
    sender could stop a topic's consumers for good. Here the bytes at fault are read as escapes (`caf\\xe9`), so such
    a header is one of an unknown name.

    gather: how long, in seconds, records may wait at the broker for others to be fetched with; None: as aiokafka does.
    """

    def __init__(self, *topics: str, gather: float | None = None, **options: Any) -> None:
        super().__init__(*topics, **({} if gather is None else gathering(gather)), **options)

    async def start(self) -> None:
        """Connect to the cluster and, when topics are subscribed to, join the group."""
        # aiokafka has no other place to give it a parser, a fetcher or a kind of record
        fetcher.MemoryRecords, consumer.Fetcher = _Records, GatheringFetcher
        fetcher.PartitionRecords = _PartitionRecords
        await super().start()


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """Makes each record of a partition a `Record` at once: aiokafka's own takes twenty times as long to make."""

    def _consumer_record(self, place: TopicPartition, found: Any) -> Record:
        return Record(
            place.topic,
            found.key,
            found.value,
            found.headers,
            place.partition,
            found.offset,
            found.timestamp,
        )


class _Records:
    """What one fetch brought of a partition, batch by batch; stands in for aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = 0
        self._parsed: Any = MemoryRecords(data)
        self.has_next = self._parsed.has_next
        self.size_in_bytes = self._parsed.size_in_bytes

    def next_batch(self) -> "_Batch":
        begin = self._end
        (length,) = _BATCH_LENGTH.unpack_from(self._data, begin)
        self._end = begin + _BATCH_LENGTH.size + length
        return _Batch(self._parsed.next_batch(), memoryview(self._data)[begin : self._end])


class _Batch:
    """A record batch that is read anew with care when aiokafka's fast parser gives up on a header's name."""

    def __init__(self, parsed: Any, data: memoryview) -> None:
        self._parsed = parsed
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parsed, name)

    def __next__(self) -> Any:
        return next(self._parsed)

    def __iter__(self) -> Iterator[Any]:
        read = -1
        try:
            for record in self._parsed:
                read = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in self._with_care() if record.offset > read)

    def _with_care(self) -> Any:
        batch: Any = _DefaultRecordBatchPy(self._data)
        batch._maybe_uncompress()
        batch._buffer = _Escaping(batch._buffer)
        return batch


class _Escaping(bytearray):
    """Bytes whose slices decode to text whatever they are."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Escaping(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
