"""One trade's whole story, told from the append-only tables: what happened, when, and by whose doing."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Table, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Scope
from trade_capture.confirmation import repository as confirmations
from trade_capture.repair import repository as repairs
from trade_capture.trades.queries import find_trade, trade_out
from trade_capture.trades.schemas import HistoryEvent, TradeHistoryOut
from trade_capture.trades.tables import SEALED_VERSIONS, trade_resend, trade_version

_ORIGIN = ("topic", "partition", "record_offset", "event_id")


async def told(connection: AsyncConnection, trade_id: str, scope: Scope) -> TradeHistoryOut | None:
    """Return a trade in full with everything that ever happened to it, the earliest first.

    None when there is none in scope. The whole story goes with the book that the trade stands in now.
    """
    row = await find_trade(connection, trade_id, scope)
    if row is None:
        return None
    versions = await _versions(connection, trade_id)
    happened = [
        *map(_version, versions),
        *[_resend(each) for each in await _of_execution(connection, trade_resend, row)],
        *[
            _repair(each)
            for each in await repairs.steps_of(connection, row.source_system, row.trade_reference)
        ],
        *[_confirmation(each) for each in await confirmations.received_for(connection, row)],
        *[_outcome(each) for each in await confirmations.outcomes_of(connection, trade_id)],
        *[_acceptance(each) for each in await confirmations.acceptance_rows(connection, trade_id)],
    ]
    happened.sort(key=lambda event: event.at)
    return TradeHistoryOut(
        trade=trade_out(row), state=await _state(connection, versions[-1]), history=happened
    )


async def _state(connection: AsyncConnection, version: Row[Any]) -> dict[str, Any]:
    """Return the trade that a version led to, with its accounts."""
    row = {**version._mapping, "state": msgspec.json.decode(version.state)}
    [opened] = await SEALED_VERSIONS.open(connection, [row])
    state: dict[str, Any] = opened["state"]
    return state


async def _versions(connection: AsyncConnection, trade_id: str) -> Sequence[Row[Any]]:
    columns = [each for each in trade_version.c if each.name not in {"state", "statement"}]
    texts = [cast(trade_version.c[name], Text).label(name) for name in ("state", "statement")]
    query = select(*columns, *texts).where(trade_version.c.trade_id == trade_id)
    return (await connection.execute(query.order_by(trade_version.c.source_version))).all()


async def _of_execution(connection: AsyncConnection, table: Table, row: Row[Any]) -> Sequence[Row[Any]]:
    query = select(table).where(
        table.c.source_system == row.source_system, table.c.trade_reference == row.trade_reference
    )
    return (await connection.execute(query)).all()


def _version(row: Row[Any]) -> HistoryEvent:
    detail = {
        "version": row.version,
        "source_version": row.source_version,
        "reason": row.reason,
        "repair_id": row.repair_id,
        "statement": msgspec.json.decode(row.statement),
        **_origin(row),
    }
    return _event(row, row.recorded_at, row.change, detail)


def _resend(row: Row[Any]) -> HistoryEvent:
    return _event(row, row.received_at, "RESENT", {"source_version": row.source_version, **_origin(row)})


def _repair(row: Row[Any]) -> HistoryEvent:
    detail = {
        "repair_id": row.repair_id,
        "status": row.status,
        "comment": row.comment,
        "reasons": row.reasons,
    }
    return HistoryEvent(at=row.recorded_at, event=f"REPAIR_{row.action}", by=row.actor, detail=detail)


def _confirmation(row: Row[Any]) -> HistoryEvent:
    detail = {
        "confirmation_id": row.confirmation_id,
        "confirmation_reference": row.confirmation_reference,
        "version": row.version,
    }
    return HistoryEvent(
        at=row.received_at, event="CONFIRMATION_RECEIVED", by=row.counterparty_lei, detail=detail
    )


def _outcome(row: Row[Any]) -> HistoryEvent:
    detail = {
        "trade_version": row.trade_version,
        "confirmation_reference": row.confirmation_reference,
        "confirmation_version": row.confirmation_version,
        "differences": row.differences,
        "accepted_by": row.accepted_by,
    }
    return HistoryEvent(at=row.recorded_at, event=row.status, by="trade-capture", detail=detail)


def _acceptance(row: Row[Any]) -> HistoryEvent:
    detail = {
        "confirmation_id": row.confirmation_id,
        "trade_version": row.trade_version,
        "reason": row.reason,
    }
    return HistoryEvent(at=row.recorded_at, event="CONFIRMATION_ACCEPTED", by=row.accepted_by, detail=detail)


def _event(row: Row[Any], at: Any, event: str, detail: dict[str, Any]) -> HistoryEvent:
    return HistoryEvent(at=at, event=event, by=row.submitted_by or row.topic, detail=detail)


def _origin(row: Row[Any]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in _ORIGIN}
