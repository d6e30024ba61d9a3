"""Writes the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import bulk
from settlement.history.tables import status_event


def entry(
    trade_id: str,
    kind: str,
    *,
    instruction_id: str | None,
    details: dict[str, Any],
    document: bytes | None,
    occurred_at: datetime,
    recorded_at: datetime,
    event_id: str | None,
) -> dict[str, Any]:
    """Return one line of the history as a row."""
    return {
        "trade_id": trade_id,
        "instruction_id": instruction_id,
        "kind": kind,
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "event_id": event_id,
        "details": details,
        "document": document,
    }


async def append(connection: AsyncConnection, entries: Sequence[dict[str, Any]]) -> None:
    """Add lines to the history, in order."""
    await bulk.append(connection, status_event, entries)
