"""Sending records to Kafka in order: per partition one batch at a time, the next only after the last is stored."""

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    UnknownTopicOrPartitionError,
)

from backoffice_events.brokers import Brokers
from backoffice_events.records import Record

MAX_BATCH_BYTES: Final = 262_144
MAX_REQUEST_BYTES: Final = 1_048_576
STOP_SECONDS: Final = 5.0
METADATA_SECONDS: Final = 2.0

STORE_SECONDS: Final = 15.0
"""How long a batch may take to be stored: longer than a cluster takes to miss a partition's leader and elect another.
aiokafka's idempotent producer would try for ever, while a partition is short of replicas and all others are well.
"""


def partition_of(key: bytes | None, partitions: int) -> int:
    """Return the partition of a key, as librdkafka's `consistent` partitioner does: CRC-32 modulo partitions.

    murmur2, Java's default, costs fifty times as much in Python. Order holds as long as one key's events all come
    from producers that partition alike, so every producer of a topic has to use the same.
    """
    return zlib.crc32(key) % partitions if key else 0


class KafkaSender:
    """An idempotent producer that is replaced when it breaks.

    After a failed batch aiokafka's idempotent producer can never send to that partition again (aiokafka issue 1017),
    so every failure ends the producer; the next send makes a new one. Messages may then arrive twice, but never out
    of order.
    """

    def __init__(self, brokers: Brokers, *, request_timeout_ms: int = 10_000) -> None:
        self._brokers = brokers
        self._request_timeout_ms = request_timeout_ms
        self._producer: Any = None
        self._starting = asyncio.Lock()
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect; raises KafkaConnectionError when no broker answers."""
        await self._connected()

    async def _connected(self) -> Any:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._new_producer()
            return self._producer

    async def _new_producer(self) -> Any:
        producer = AIOKafkaProducer(
            **self._brokers.options(),
            enable_idempotence=True,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=self._request_timeout_ms,
            compression_type="zstd",
        )
        try:
            await producer.start()
        except BaseException:
            await _end(producer)
            raise
        return producer

    async def send(self, records: Sequence[Record]) -> dict[int, Exception]:
        """Send records and return the errors by position in `records`: empty when all are stored.

        After the first error on a partition nothing more is sent there, and what was left out bears the same error.
        Callers take turns on a partition: aiokafka counts the waits of many at once against each of them, and gives up.
        """
        producer = await self._connected()
        partitions, failed = await _by_partition(producer, records)
        outcomes = await asyncio.gather(
            *[self._in_turn(producer, place, records, positions) for place, positions in partitions.items()]
        )
        unsent = {position: error for outcome in outcomes for position, error in outcome.items()}
        silent = any(isinstance(error, KafkaConnectionError) for error in failed.values())
        if (unsent or silent) and self._producer is producer:
            await self.stop()
        return failed | unsent

    async def _in_turn(
        self, producer: Any, place: tuple[str, int], records: Sequence[Record], positions: Sequence[int]
    ) -> dict[int, Exception]:
        async with self._turns[place]:
            return await _send_partition(producer, place, records, positions)

    async def stop(self) -> None:
        """Close the connection; what the broker has not acknowledged is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _end(producer)


async def _by_partition(
    producer: Any, records: Sequence[Record]
) -> tuple[dict[tuple[str, int], list[int]], dict[int, Exception]]:
    """Return the positions of the records that go to each partition, and the errors of those that have none."""
    topics = list({record.topic for record in records})
    found = await asyncio.gather(*[_partition_count(producer, topic) for topic in topics])
    counts = dict(zip(topics, found, strict=True))
    partitions: dict[tuple[str, int], list[int]] = defaultdict(list)
    failed: dict[int, Exception] = {}
    for position, record in enumerate(records):
        count = counts[record.topic]
        if isinstance(count, Exception):
            failed[position] = count
        else:
            partitions[record.topic, partition_of(record.key, count)].append(position)
    return partitions, failed


async def _partition_count(producer: Any, topic: str) -> int | Exception:
    try:
        partitions: set[int] = await asyncio.wait_for(producer.partitions_for(topic), METADATA_SECONDS)
    except KafkaError as error:
        failure: Exception = error
        return failure
    except TimeoutError:
        return await _why_unknown(producer, topic)
    return len(partitions)


async def _why_unknown(producer: Any, topic: str) -> Exception:
    """Tell a topic that does not exist from a broker that does not answer.

    aiokafka keeps a connection whose other end is gone, and asks it again and again: only a new producer gets another.
    """
    try:
        if await asyncio.wait_for(producer.client.force_metadata_update(), METADATA_SECONDS):
            unknown: Exception = UnknownTopicOrPartitionError(f"no topic {topic}")
            return unknown
    except TimeoutError:
        pass
    silent: Exception = KafkaConnectionError("no broker answers")
    return silent


async def _send_partition(
    producer: Any, place: tuple[str, int], records: Sequence[Record], positions: Sequence[int]
) -> dict[int, Exception]:
    first = 0
    while first < len(positions):
        batch, end = _filled(producer.create_batch(), records, positions, first)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await (await producer.send_batch(batch, place[0], partition=place[1]))
        except KafkaError as error:
            return dict.fromkeys(positions[first:], error)
        except TimeoutError:
            late: Exception = KafkaTimeoutError(f"not stored within {STORE_SECONDS:g} s")
            return dict.fromkeys(positions[first:], late)
        first = end
    return {}


def _filled(batch: Any, records: Sequence[Record], positions: Sequence[int], first: int) -> tuple[Any, int]:
    """Fill a batch from the position numbered `first`; return it with the number of the first that has no room."""
    end = first
    while end < len(positions):
        record = records[positions[end]]
        room = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
        if room is None:
            break
        end += 1
    batch.close()  # a closed batch is sent at once
    return batch, end


async def _end(producer: Any) -> None:
    """Stop a producer for certain: its own stop waits for as long as the broker is away, or stores nothing.

    Left alone, its sender would go on trying, and some day store old records behind newer ones.
    """
    try:
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
    except (TimeoutError, KafkaError):
        with contextlib.suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer._sender.close(), STOP_SECONDS)
        await producer.client.close()
