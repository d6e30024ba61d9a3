"""Opens and closes exceptions as settlements change, set-based."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.ids import new_id
from backoffice_events.messaging import bulk
from settlement.exceptions.domain import Condition
from settlement.exceptions.tables import exception_event, settlement_exception
from settlement.processes.domain import Settlement

_CLOSE = text(
    "UPDATE settlement_exception e SET status = 'CLOSED', closed_at = :now, version = e.version + 1"
    " FROM unnest(CAST(:trade_ids AS uuid[]), CAST(:kinds AS text[])) AS r(trade_id, kind)"
    " WHERE e.trade_id = r.trade_id AND e.kind = r.kind AND e.status = 'OPEN'"
    " RETURNING e.exception_id::text"
)


_RESTATE = text(
    "UPDATE settlement_exception e SET reason = r.reason, version = e.version + 1"
    " FROM unnest(CAST(:trade_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:reasons AS text[]))"
    " AS r(trade_id, kind, reason)"
    " WHERE e.trade_id = r.trade_id AND e.kind = r.kind AND e.status = 'OPEN' AND e.reason <> r.reason"
    " RETURNING e.exception_id::text, e.reason"
)


async def close(connection: AsyncConnection, ended: Sequence[tuple[str, str]], now: datetime) -> None:
    """Close the exceptions of (trade, kind) whose condition holds no longer; one that a person resolved stays so."""
    if not ended:
        return
    trade_ids, kinds = zip(*ended, strict=True)
    closed = await connection.execute(
        _CLOSE, {"now": now, "trade_ids": list(trade_ids), "kinds": list(kinds)}
    )
    await _log(connection, [row[0] for row in closed], "CLOSED", now)


async def open_(
    connection: AsyncConnection, found: Sequence[tuple[Settlement, Condition]], now: datetime
) -> None:
    """Put conditions that came to hold before a person."""
    rows = [_row(settlement, condition, now) for settlement, condition in found]
    await bulk.insert(connection, settlement_exception, rows)
    await _log(connection, [row["exception_id"] for row in rows], "OPENED", now)


async def restate(
    connection: AsyncConnection, still: Sequence[tuple[Settlement, Condition]], now: datetime
) -> None:
    """Give open exceptions the reason that holds now; what stood there before stays in their history."""
    if not still:
        return
    wanted = {
        "trade_ids": [settlement.trade_id for settlement, _ in still],
        "kinds": [condition.kind.value for _, condition in still],
        "reasons": [condition.reason for _, condition in still],
    }
    restated = (await connection.execute(_RESTATE, wanted)).all()
    await bulk.insert(
        connection,
        exception_event,
        [
            {"exception_id": row[0], "action": "RESTATED", "comment": row[1], "occurred_at": now}
            for row in restated
        ],
    )


def _row(settlement: Settlement, condition: Condition, now: datetime) -> dict[str, Any]:
    latest = settlement.latest
    return {
        "exception_id": new_id(),
        "trade_id": settlement.trade_id,
        "instruction_id": None if latest is None else latest.instruction_id,
        "kind": condition.kind.value,
        "cause": condition.cause,
        "reason": condition.reason,
        "status": "OPEN",
        "settlement_calendar": settlement.settlement_calendar,
        "settlement_date": settlement.settlement_date,
        "version": 1,
        "opened_at": now,
    }


async def _log(connection: AsyncConnection, exception_ids: Sequence[str], action: str, now: datetime) -> None:
    rows = [{"exception_id": one, "action": action, "occurred_at": now} for one in exception_ids]
    await bulk.insert(connection, exception_event, rows)
