"""Reading and writing the repair queue, each in one statement over a whole batch."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Scope
from backoffice_events.messaging import bulk
from trade_capture.reference.domain import ReferenceData
from trade_capture.repair.domain import (
    Origin,
    RepairEntry,
    RepairStatus,
    RepairStep,
    business_date,
    legible,
    measured,
    statement_type,
)
from trade_capture.repair.filters import entry_in_scope
from trade_capture.repair.tables import repair_entry, repair_step
from trade_capture.trades.domain import ExecutionKey, Legible, Reason, stp
from trade_capture.trades.repository import WANTED, same_key, trade_join, wanted

Reasons = tuple[Reason, ...]
_ENTRIES = select(repair_entry).join(WANTED, same_key(repair_entry)).order_by(repair_entry.c.repair_id)


async def entries_of(connection: AsyncConnection, keys: Collection[ExecutionKey]) -> list[RepairEntry]:
    """Return every entry of those executions, finished or not, in the order they came."""
    return [as_entry(row) for row in await connection.execute(_ENTRIES, wanted(keys))]


async def find_row(connection: AsyncConnection, repair_id: str, scope: Scope) -> Row[Any] | None:
    """Return an entry's row, or None when there is none in scope."""
    query = select(repair_entry).where(repair_entry.c.repair_id == repair_id, entry_in_scope(scope))
    return (await connection.execute(query)).one_or_none()


async def find_entry(connection: AsyncConnection, repair_id: str, scope: Scope) -> RepairEntry | None:
    """Return an entry, or None when there is none in scope."""
    row = await find_row(connection, repair_id, scope)
    return None if row is None else as_entry(row)


async def steps_of(
    connection: AsyncConnection, source_system: str, trade_reference: str
) -> Sequence[Row[Any]]:
    """Return every step of every entry of an execution."""
    query = (
        select(repair_step)
        .join(repair_entry, repair_entry.c.repair_id == repair_step.c.repair_id)
        .where(repair_entry.c.source_system == source_system)
        .where(repair_entry.c.trade_reference == trade_reference)
        .order_by(repair_step.c.repair_id, repair_step.c.step)
    )
    return (await connection.execute(query)).all()


async def never_captured(connection: AsyncConnection, first: date, last: date) -> list[stp.Row]:
    """Return, counted by currency, the executions of these trade dates that exist in the queue alone.

    An execution counts once, with its latest entry. One whose trade date is missing or cannot be read counts on the
    firm's business date when it came; before any day was ever opened, on none.
    """
    captured = trade_join()
    entry = repair_entry.c
    is_captured = exists().where(
        captured.c.source_system == entry.source_system, captured.c.trade_reference == entry.trade_reference
    )
    day = func.coalesce(entry.trade_date, entry.business_date)
    latest = (
        select(entry.currency, entry.value, day.label("day"))
        .ext(distinct_on(entry.source_system, entry.trade_reference))
        .where(~is_captured)
        .order_by(entry.source_system, entry.trade_reference, entry.repair_id.desc())
        .subquery()
    )
    query = select(latest.c.currency, func.count(), func.sum(latest.c.value)).group_by(latest.c.currency)
    return [
        stp.Row(
            currency=currency,
            repaired=True,
            captured=False,
            confirmed=False,
            touched_in_confirmation=False,
            count=count,
            value=value,
        )
        for currency, count, value in await connection.execute(query.where(latest.c.day.between(first, last)))
    ]


def control_extract(columns: Sequence[str]) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """Return the query of these columns of every entry, and what orders it."""
    return select(*(repair_entry.c[name] for name in columns)), [repair_entry.c.repair_id]


async def insert_entries(
    connection: AsyncConnection, entries: Sequence[RepairEntry], reference: ReferenceData
) -> None:
    """Write new entries, measured by the reference data of the moment."""
    await bulk.insert(connection, repair_entry, [_as_row(entry, reference) for entry in entries])


async def update_entries(
    connection: AsyncConnection,
    entries: Sequence[RepairEntry],
    reference: ReferenceData,
    updated_at: datetime,
) -> None:
    """Write the state that entries have come to, measured by the reference data of the moment."""
    rows = [
        {
            "repair_id": entry.repair_id,
            "source_version": entry.source_version,
            "status": entry.status,
            "reasons": entry.reasons,
            "current": entry.current,
            "trade_id": entry.trade_id,
            "version": entry.version,
            "updated_at": updated_at,
            **msgspec.structs.asdict(measured(_legible(entry), reference)),
        }
        for entry in entries
    ]
    await bulk.update(connection, repair_entry, rows, key=("repair_id",))


async def insert_steps(
    connection: AsyncConnection, steps: Sequence[RepairStep], recorded_at: datetime
) -> None:
    """Add to the history of entries."""
    rows = [{**_step_row(step), "recorded_at": recorded_at} for step in steps]
    await bulk.insert(connection, repair_step, rows)


def as_entry(row: Row[Any]) -> RepairEntry:
    """Return the entry that a row holds."""
    return RepairEntry(
        repair_id=row.repair_id,
        key=ExecutionKey(row.source_system, row.trade_reference),
        source_version=row.source_version,
        event_type=row.event_type,
        status=RepairStatus(row.status),
        reasons=msgspec.convert(row.reasons, type=Reasons),
        original=row.original,
        current=row.current,
        origin=Origin(row.topic, row.partition, row.record_offset, row.event_id, row.submitted_by),
        received_at=row.received_at,
        version=row.version,
        trade_id=row.trade_id,
    )


def _as_row(entry: RepairEntry, reference: ReferenceData) -> dict[str, Any]:
    stated = _legible(entry)
    return {
        "repair_id": entry.repair_id,
        "source_system": entry.key.source_system,
        "trade_reference": entry.key.trade_reference,
        "source_version": entry.source_version,
        "event_type": entry.event_type,
        "status": entry.status,
        "reasons": entry.reasons,
        "original": entry.original,
        "current": entry.current,
        "trade_id": entry.trade_id,
        "version": entry.version,
        "received_at": entry.received_at,
        "updated_at": entry.received_at,
        "business_date": business_date(stated, reference),
        **msgspec.structs.asdict(measured(stated, reference)),
        **entry.origin.columns(),
    }


def _legible(entry: RepairEntry) -> Legible | None:
    contract = statement_type(entry.event_type)
    return None if contract is None else legible(contract, entry.current)


def _step_row(step: RepairStep) -> dict[str, Any]:
    return {
        "repair_id": step.repair_id,
        "step": step.step,
        "action": step.action,
        "status": step.status,
        "actor": step.actor,
        "comment": step.comment,
        "payload": step.payload,
        "reasons": step.reasons,
    }
