"""Reads the front office's topic from its beginning: its own record of what it published."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from aiokafka import TopicPartition

from backoffice_cli.reconciliation.records import Beginning, Place, Published, TradeKey
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from backoffice_events.kafka_consumer import KafkaConsumer

_POLL_MS = 500
_MOST_RECORDS = 5_000


_HIGHEST_VERSION = 2**31 - 1
"""A higher one cannot be used: trade-capture says so in its repair queue, as of one that is no whole number."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_whole_number = msgspec.json.Decoder(int).decode
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


async def read_published(brokers: Brokers) -> Published:
    """Return every trade on the topic as it is now. Raises KafkaError when the broker does not answer."""
    published = Published()
    consumer = KafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # where retention overtakes us; the default would pass over all that is left
        isolation_level="read_committed",  # as the services: what a transaction took back was never published
        max_partition_fetch_bytes=4_194_304,
    )
    try:
        await consumer.start()
        places = [TopicPartition(FRONTOFFICE_TRADES.name, n) for n in range(FRONTOFFICE_TRADES.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        arrivals = await _read(consumer, places, published)
        # Asked last: what retention took away meanwhile may not have been read.
        for place, offset in (await consumer.beginning_offsets(places)).items():
            if place.partition in arrivals:
                published.beginnings[place.partition] = Beginning(offset, arrivals[place.partition])
    finally:
        await consumer.stop()
    return published


async def _read(
    consumer: KafkaConsumer, places: list[TopicPartition], published: Published
) -> dict[int, datetime]:
    """Take note of every record there is, and return when the first of each partition came to the broker."""
    arrivals: dict[int, int] = {}
    ends = await consumer.end_offsets(places)
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
        for records in polled.values():
            for record in records:
                arrivals.setdefault(record.partition, record.timestamp)
                note(published, record.value, Place(record.partition, record.offset))
    return {partition: datetime.fromtimestamp(ms / 1000, UTC) for partition, ms in arrivals.items()}


def note(published: Published, value: bytes | None, place: Place) -> None:
    """Take note of one record, by as much of it as names its trade; whatever else it holds may be broken."""
    try:
        fields = _fields(value or b"")
        key = TradeKey(_text(fields["source_system"]), _text(fields["trade_reference"]))
    except (KeyError, *_UNREADABLE):
        published.nameless.append(place)
        return
    published.places[key].append(place)
    versions = published.versions[key]
    version = _version(fields)
    if version is not None:
        versions.add(version)
        if version > 1:
            published.corrections[key, version].append(place)


def _version(fields: Mapping[str, msgspec.Raw]) -> int | None:
    """Return the version that a message states, None when it states none that can be used."""
    try:
        version = _whole_number(fields["version"])
    except (KeyError, *_UNREADABLE):
        return None
    return version if 0 < version <= _HIGHEST_VERSION else None
