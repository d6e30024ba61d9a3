"""The inbox: which events a consumer has taken already."""

import hashlib
import uuid
import zlib
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.cloudevents import Received
from backoffice_events.messaging.batch import Item
from backoffice_events.records import Record

# By the database's clock, which all its processes share: one of them whose own is wrong would have what came today
# forgotten.
_TAKE = text(
    "INSERT INTO inbox (consumer, event_id, received_at)"
    " SELECT :consumer, id, now() FROM unnest(CAST(:ids AS uuid[])) AS id"
    " ON CONFLICT DO NOTHING RETURNING event_id::text".replace("::", r"\:\:")
)
_FORGET = text(
    "DELETE FROM inbox WHERE ctid = ANY(ARRAY("
    " SELECT ctid FROM inbox WHERE received_at < now() - CAST(:age AS interval) LIMIT :most))"
)


def inbox_id(item: Item) -> str:
    """Return the id under which the inbox knows an item.

    An event goes by its id and content: a sender who gives one id to two events makes a mistake that the service's
    own keys and versions will show, whereas taking the second for a resend would drop it unseen. Its key follows from
    the content. Type and source are no part of it and cannot become one, for what came before an upgrade and comes
    again after it would count as new: the same id and content under two types is one event, said twice. A record that
    cannot be decoded goes by its place and content, so that a later good event of the same id is not mistaken for it.
    """
    if not isinstance(item, Received):
        return _record_id(item.record)
    event_id = item.uuid
    content = zlib.crc32(item.record.value or b"")
    return f"{event_id[:-8]}{int(event_id[-8:], 16) ^ content:08x}"


def _record_id(record: Record) -> str:
    place = f"{record.topic}\n{record.partition}\n{record.offset}\n".encode()
    digest = hashlib.sha256(place + (record.value or b"")).digest()
    return str(uuid.UUID(bytes=digest[:16]))


async def take(connection: AsyncConnection, consumer: str, items: Mapping[str, Item]) -> set[str]:
    """Enter items by inbox id and return the ids that are new; waits for others who are entering the same ones."""
    if not items:
        return set()
    result = await connection.execute(_TAKE, {"consumer": consumer, "ids": list(items)})
    return set(result.scalars())


async def forget(connection: AsyncConnection, age: timedelta, most: int) -> int:
    """Delete up to `most` entries of a greater age; return how many there were."""
    return (await connection.execute(_FORGET, {"age": age, "most": most})).rowcount
