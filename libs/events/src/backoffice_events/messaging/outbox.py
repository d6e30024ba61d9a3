"""The outbox: records that leave for Kafka once the transaction that wrote them has committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import bulk
from backoffice_events.messaging.headers import pack
from backoffice_events.messaging.tables import outbox
from backoffice_events.records import Record

CHANNEL: Final = "outbox"

_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', '')")
_DEPTH = text("SELECT count(*), min(created_at) FROM outbox")


@dataclass(slots=True)
class Outgoing:
    """One record on its way out, with the CloudEvents id and type that its row shows."""

    event_id: str
    event_type: str
    record: Record


async def write(connection: AsyncConnection, outgoing: Sequence[Outgoing], now: datetime) -> None:
    """Add records in order; the identity column numbers them so."""
    await bulk.append(connection, outbox, [_row(each, now) for each in outgoing])


def _row(outgoing: Outgoing, now: datetime) -> dict[str, Any]:
    record = outgoing.record
    return {
        "id": outgoing.event_id,
        "aggregatetype": record.topic,
        "aggregateid": None if record.key is None else record.key.decode(),
        "type": outgoing.event_type,
        "payload": record.value,
        "headers": pack(record.headers),
        "created_at": now,
    }


async def notify(connection: AsyncConnection) -> None:
    """Wake the leading relay, in whichever process it is, when this transaction commits."""
    await connection.execute(_NOTIFY)


async def depth(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """Return how many records wait, and since when the oldest does."""
    row = (await connection.execute(_DEPTH)).one()
    return row[0], row[1]
