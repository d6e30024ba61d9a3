"""Reads the front office's topic from its beginning: its own record of what it published."""

from typing import Any

import msgspec
from aiokafka import TopicPartition

from backoffice_cli.reconciliation.records import Place, Published, TradeKey
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from backoffice_events.kafka_consumer import KafkaConsumer

_POLL_MS = 500
_MOST_RECORDS = 5_000


class _Named(msgspec.Struct):
    """As much of a message as names its trade: all that is needed, and there even when the rest is broken."""

    source_system: str
    trade_reference: str
    version: Any = None


_decode = msgspec.json.Decoder(_Named).decode


async def read_published(brokers: Brokers) -> Published:
    """Return every trade on the topic as it is now. Raises KafkaError when the broker does not answer."""
    published = Published()
    consumer = KafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        isolation_level="read_committed",  # as the services: what a transaction took back was never published
        max_partition_fetch_bytes=4_194_304,
    )
    try:
        await consumer.start()
        places = [TopicPartition(FRONTOFFICE_TRADES.name, n) for n in range(FRONTOFFICE_TRADES.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            for records in polled.values():
                for record in records:
                    note(published, record.value, Place(record.partition, record.offset))
    finally:
        await consumer.stop()
    return published


def note(published: Published, value: bytes | None, place: Place) -> None:
    """Take note of one record."""
    try:
        named = _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        published.nameless.append(place)
        return
    key = TradeKey(named.source_system, named.trade_reference)
    published.places[key].append(place)
    versions = published.versions[key]
    if type(named.version) is int:
        versions.add(named.version)
