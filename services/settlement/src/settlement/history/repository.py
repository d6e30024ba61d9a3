"""Writes the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy import keys
from backoffice_chassis.secrecy.documents import may_name_an_account
from backoffice_chassis.secrecy.envelope import DataKey
from backoffice_chassis.secrecy.sealed import NOTHING
from backoffice_events.messaging import bulk
from settlement.history.domain import Entry
from settlement.history.tables import SEALED, status_event


async def append(connection: AsyncConnection, entries: Sequence[Entry], now: datetime) -> None:
    """Add lines to the history, in order. Accounts that a message names rest encrypted."""
    naming = [may_name_an_account(entry.document) for entry in entries]
    key = await keys.sealing(connection) if any(naming) else None
    rows = [_row(entry, now, key, names=names) for entry, names in zip(entries, naming, strict=True)]
    await bulk.append(connection, status_event, rows)


def _row(entry: Entry, now: datetime, key: DataKey | None, *, names: bool) -> dict[str, Any]:
    row = {
        "trade_id": entry.trade_id,
        "instruction_id": entry.instruction_id,
        "kind": entry.kind,
        "occurred_at": entry.occurred_at or now,
        "recorded_at": now,
        "event_id": entry.event_id,
        "details": entry.details,
        "document": entry.document,
        "accounts": None if names or entry.document is None else NOTHING,
    }
    return SEALED.seal_under(key, row) if names and key is not None else row
