"""Order behind a dead letter: later events of its key wait in `parked_event` until it is redriven or discarded.

A key is blocked for an ordered consumer while it has an open dead letter. A live batch that meets a blocked key locks
the dead letter against a redrive of the same moment, so either the redrive finds the event among the parked ones or
the batch finds the key free.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.cloudevents import MAX_ATTRIBUTE_CHARACTERS, Received
from backoffice_events.messaging import bulk
from backoffice_events.messaging.batch import Item
from backoffice_events.messaging.headers import pack, unpack
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.messaging.tables import parked_event
from backoffice_events.records import Record

_OPEN_SQL = (
    "SELECT seq, key FROM dead_letter"
    " WHERE status = 'open' AND consumer = :consumer AND key = ANY(CAST(:keys AS text[]))"
)
_OPEN = text(_OPEN_SQL)
_LOCK_OPEN = text(f"{_OPEN_SQL} ORDER BY seq FOR SHARE")
_PARKED = text(
    "SELECT * FROM parked_event WHERE consumer = :consumer AND key = :key ORDER BY seq LIMIT :most"
)
_RELEASE = text("DELETE FROM parked_event WHERE seq = ANY(CAST(:seqs AS bigint[]))")
_COUNT = text("SELECT count(*) FROM parked_event")


def parking_key(item: Item) -> str | None:
    """Return the key that an item's order hangs on, None when it has none that an event could have.

    A longer one than any event's is more than an index holds.
    """
    if isinstance(item, Received):
        return item.key
    raw = item.record.key or b""
    if len(raw) > MAX_ATTRIBUTE_CHARACTERS:
        return None
    try:
        key = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if not key or "\x00" in key else key


async def blocked_keys(connection: AsyncConnection, consumer: str, keys: Iterable[str]) -> set[str]:
    """Return the keys with an open dead letter, which stay blocked until this transaction ends.

    Call it after the inbox has been asked: the statement then sees what an earlier owner of the partition committed.
    """
    asked = {"consumer": consumer, "keys": list(set(keys))}
    opened = {row.seq: row.key for row in await connection.execute(_OPEN, asked)}
    while opened:
        locked = {row.seq for row in await connection.execute(_LOCK_OPEN, asked)}
        # While we waited for a lock, a redrive may have made a dead letter of a follower: look again.
        opened = {row.seq: row.key for row in await connection.execute(_OPEN, asked)}
        if locked == set(opened):
            break
    return set(opened.values())


async def park(connection: AsyncConnection, consumer: str, items: Sequence[Item], now: datetime) -> None:
    """Let items wait, in order, behind the dead letters of their keys."""
    await bulk.insert(connection, parked_event, [_row(consumer, item, now) for item in items])


def _row(consumer: str, item: Item, now: datetime) -> dict[str, Any]:
    return {
        "consumer": consumer,
        "key": parking_key(item),
        **record_columns(item.record),
        "inbox_id": inbox_id(item),
        "parked_at": now,
    }


async def parked(connection: AsyncConnection, consumer: str, key: str, most: int) -> Sequence[Row[Any]]:
    """Return the first events that wait for a key, in order."""
    return (await connection.execute(_PARKED, {"consumer": consumer, "key": key, "most": most})).all()


async def release(connection: AsyncConnection, seqs: Sequence[int]) -> None:
    """Forget parked events that have been taken."""
    if seqs:
        await connection.execute(_RELEASE, {"seqs": list(seqs)})


async def count(connection: AsyncConnection) -> int:
    """Return how many events wait."""
    return int((await connection.execute(_COUNT)).scalar_one())


def record_columns(record: Record) -> dict[str, Any]:
    """Return a record as the columns that dead letters and parked events share."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "record_offset": record.offset,
        "record_key": record.key,
        "value": record.value,
        "headers": pack(record.headers),
    }


def record_of(row: Row[Any]) -> Record:
    """Return the record that a row's columns hold."""
    headers = unpack(row.headers)
    return Record(row.topic, row.record_key, row.value, headers, row.partition, row.record_offset)
