"""aiokafka's consumer, able to read every record that a broker stores, as our own `Record`."""

import struct
import sys
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from backoffice_events.expansion import ExpansionError, expanded
from backoffice_events.gathering import GatheringFetcher, gathering
from backoffice_events.records import WHOLE_BATCH, Record

_BATCH_LENGTH: Final = struct.Struct(
    ">8xi"
)  # Kafka protocol, record batch: base offset, length of what follows
_COUNT: Final = struct.Struct(">57xi")  # and at its end, the number of records

ENOUGH_BYTES: Final = 16_777_216
"""When records of one partition were expanded from so much, no more batches are for one poll: what a broker limits is
how much it sends, compressed.
"""


class KafkaConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Reads headers whose names are not UTF-8, too, unpacks within bounds, and returns records as `Record`.

    The protocol wants names in UTF-8, but brokers don't check it, and aiokafka can't get past such a record: one
    sender could stop a topic's consumers for good. Here the bytes at fault are read as escapes (`caf\\xe9`), so such
    a header is one of an unknown name.

    A record batch that expands beyond all measure, or cannot be unpacked, comes as one record: its value is the batch
    as the broker keeps it, compressed, its header `WHOLE_BATCH` says why, and its offset is the last of the batch.

    gather: how long, in seconds, records may wait at the broker for others to be fetched with; None: as aiokafka does.
    """

    def __init__(self, *topics: str, gather: float | None = None, **options: Any) -> None:
        super().__init__(*topics, **({} if gather is None else gathering(gather)), **options)

    async def start(self) -> None:
        """Connect to the cluster and, when topics are subscribed to, join the group."""
        # aiokafka has no other place to give it a parser, a fetcher or a kind of record
        fetcher.MemoryRecords, consumer.Fetcher = _Records, GatheringFetcher
        fetcher.PartitionRecords, fetcher.FetchResult = _PartitionRecords, _FetchResult
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


class _FetchResult(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka is untyped
    """Hands what a fetch brought over in parts that memory holds, whatever it expands to."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[Record]:
        """Return up to so many records, fewer when they are of batches that expanded to much."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        source, most = self._partition_records, max_records or sys.maxsize
        batches, found = source._records, []
        enough = batches.expanded + ENOUGH_BYTES
        for record in source:
            found.append(record)
            if len(found) >= most or batches.expanded >= enough:
                self._update_position()
                return found
        self._update_position()
        self._partition_records = None
        return found


class _Records:
    """What one fetch brought of a partition, batch by batch; stands in for aiokafka's MemoryRecords.

    expanded: the bytes of the batches that were unpacked so far.
    """

    def __init__(self, data: bytes) -> None:
        self.expanded = 0
        self._data = data
        self._end = 0
        self._parsed: Any = MemoryRecords(data)
        self.has_next = self._parsed.has_next
        self.size_in_bytes = self._parsed.size_in_bytes

    def next_batch(self) -> "_Batch":
        begin = self._end
        (length,) = _BATCH_LENGTH.unpack_from(self._data, begin)
        self._end = begin + _BATCH_LENGTH.size + length
        return _Batch(self._parsed.next_batch(), memoryview(self._data)[begin : self._end], self)


class _Batch:
    """A record batch that is unpacked within bounds, and read anew with care when aiokafka's fast parser gives up on a
    header's name.
    """

    def __init__(self, parsed: Any, data: memoryview, fetched: _Records) -> None:
        self._parsed = parsed
        self._data = data
        self._fetched = fetched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parsed, name)

    def __next__(self) -> Any:
        return next(self._parsed)

    def __iter__(self) -> Iterator[Any]:
        try:
            data = expanded(self._data)
        except ExpansionError as error:
            yield self._whole(str(error))
            return
        self._fetched.expanded += len(data)
        yield from self._read(data)

    def _read(self, data: bytes | memoryview) -> Iterator[Any]:
        read = -1
        try:
            for record in self._parsed if data is self._data else DefaultRecordBatch(data):
                read = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in _with_care(data) if record.offset > read)

    def _whole(self, why: str) -> Record:
        """Return the batch itself as a record; its topic and partition are for the caller to say."""
        first, last = self.base_offset, self.next_offset - 1
        (count,) = _COUNT.unpack_from(self._data)
        about = f"a batch of {count} record(s), offsets {first} to {last}, kept as the broker has it: {why}"
        headers = [(WHOLE_BATCH, about.encode())]
        return Record("", None, bytes(self._data), headers, offset=last, timestamp=self.max_timestamp)


def _with_care(data: bytes | memoryview) -> Any:
    batch: Any = _DefaultRecordBatchPy(data)
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
