"""Dead letters: what a consumer could not take, with the original bytes and the reason. Nothing is ever dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.ids import new_id
from backoffice_events.messaging import bulk
from backoffice_events.messaging.batch import ConsumerSpec, Item
from backoffice_events.messaging.failures import clean
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.messaging.parking import parking_key, record_columns
from backoffice_events.messaging.tables import dead_letter
from backoffice_events.messaging.unit import UnitOfWork
from backoffice_events.records import Headers, Record

OPEN: Final = "open"
REDRIVEN: Final = "redriven"
DISCARDED: Final = "discarded"

MAX_COPY_BYTES: Final = 786_432
MAX_COPY_HEADER_BYTES: Final = 131_072
"""How much value and how much of headers is copied to a dead-letter topic. Both, with what we add, fit the broker's
limit of 1 MiB: a copy beyond it could never be sent, and would hold up every other one of its topic.
"""

_HEADER_OVERHEAD: Final = 10  # two lengths, as Kafka writes them


@dataclass(frozen=True, slots=True)
class Condemned:
    """An item on its way to the dead letters, and why."""

    item: Item
    reason: str


def topic_of(topic: str, group: str) -> str:
    """Return the name of the dead-letter topic of a topic and a group."""
    return f"{topic}.{group}.dlq"


def topics_of(spec: ConsumerSpec) -> list[str]:
    """Return the names of all dead-letter topics of a consumer."""
    return [topic_of(topic.name, spec.group) for topic in spec.topics]


async def write(unit: UnitOfWork, consumer: str, condemned: Sequence[Condemned]) -> None:
    """Keep items in the table, and a copy of each on the dead-letter topic, within the unit's transaction."""
    rows = [_row(consumer, each, unit.now) for each in condemned]
    await bulk.insert(unit.connection, dead_letter, rows)
    for each, row in zip(condemned, rows, strict=True):
        unit.send(row["event_type"] or "unknown", _copy(each, row))


def _row(consumer: str, condemned: Condemned, now: datetime) -> dict[str, Any]:
    item = condemned.item
    return {
        "id": new_id(),
        "consumer": consumer,
        "key": parking_key(item),
        **record_columns(item.record),
        "event_id": item.event_id,
        "event_type": item.event_type,
        "inbox_id": inbox_id(item),
        "reason": clean(condemned.reason),
        "status": OPEN,
        "attempts": 1,
        "failed_at": now,
    }


def _copy(condemned: Condemned, row: Mapping[str, Any]) -> Record:
    record = condemned.item.record
    value = record.value
    about = {
        "dlq_id": row["id"],
        "dlq_consumer": row["consumer"],
        "dlq_reason": row["reason"],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_failed_at": row["failed_at"].isoformat(),
    }
    key = row["key"]
    stray_key = [] if key is not None or record.key is None else [("dlq_key", record.key)]
    original = [*record.headers, *stray_key]
    kept = _fitting(original)
    if len(kept) < len(original) or (value is not None and len(value) > MAX_COPY_BYTES):
        value = value and value[:MAX_COPY_BYTES]
        about["dlq_truncated"] = "the whole record is in the table dead_letter"
    headers = [*kept, *((name, text.encode()) for name, text in about.items())]
    topic = topic_of(record.topic, row["consumer"])
    return Record(topic, None if key is None else key.encode(), value, headers)


def _fitting(headers: Headers) -> list[tuple[str, bytes]]:
    """Return the headers that a copy has room for, without those that the room left does not hold."""
    kept, room = [], MAX_COPY_HEADER_BYTES
    for name, value in headers:
        size = len(name.encode()) + len(value or b"") + _HEADER_OVERHEAD
        if size <= room:
            kept.append((name, value))
            room -= size
    return kept


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters: every field that is given must match. reason: a part of it, in any case."""

    ids: Sequence[str] | None = None
    consumer: str | None = None
    topic: str | None = None
    key: str | None = None
    event_type: str | None = None
    status: str | None = None
    reason: str | None = None
    failed_from: datetime | None = None
    failed_to: datetime | None = None


def query(wanted: Filter) -> Select[Any]:
    """Return the select of the dead letters that match, to be ordered by `dead_letter.seq` and paged."""
    statement = select(dead_letter)
    exact = {name: getattr(wanted, name) for name in ("consumer", "topic", "key", "event_type", "status")}
    for name, value in exact.items():
        if value is not None:
            statement = statement.where(dead_letter.c[name] == value)
    if wanted.ids is not None:
        statement = statement.where(dead_letter.c.id.in_(wanted.ids))
    if wanted.reason is not None:
        statement = statement.where(dead_letter.c.reason.icontains(wanted.reason, autoescape=True))
    if wanted.failed_from is not None:
        statement = statement.where(dead_letter.c.failed_at >= wanted.failed_from)
    if wanted.failed_to is not None:
        statement = statement.where(dead_letter.c.failed_at < wanted.failed_to)
    return statement


async def listed(
    connection: AsyncConnection, wanted: Filter, *, after: int = 0, limit: int = 100
) -> list[Row[Any]]:
    """Return dead letters that match, oldest first, from behind the one numbered `after`."""
    seq = dead_letter.c.seq
    statement = query(wanted).where(seq > after).order_by(seq).limit(limit)
    return list((await connection.execute(statement)).all())


async def count(connection: AsyncConnection, wanted: Filter) -> int:
    """Return how many dead letters match."""
    statement = select(func.count()).select_from(query(wanted).subquery())
    return int((await connection.execute(statement)).scalar_one())
