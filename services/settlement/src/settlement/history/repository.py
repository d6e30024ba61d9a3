"""Writes the history."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import bulk
from settlement.history.domain import Entry
from settlement.history.tables import status_event


async def append(connection: AsyncConnection, entries: Iterable[Entry], now: datetime) -> None:
    """Add lines to the history, in order."""
    rows = [
        {
            "trade_id": entry.trade_id,
            "instruction_id": entry.instruction_id,
            "kind": entry.kind,
            "occurred_at": entry.occurred_at or now,
            "recorded_at": now,
            "event_id": entry.event_id,
            "details": entry.details,
            "document": entry.document,
        }
        for entry in entries
    ]
    await bulk.append(connection, status_event, rows)
