"""A copy of the reference data in memory, brought up to date before each use by what changed since.

One small query per batch asks for the revision of each kind; only rows with a later revision are read. Writers of a
kind come one after another (`repository.lock_kind`), so a revision never appears below one that was seen.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trade_capture.reference import kinds, tables
from trade_capture.reference.domain import (
    BusinessDay,
    BusinessDayStatus,
    Calendar,
    ReferenceData,
    SettlementCalendar,
)
from trade_capture.reference.repository import as_record, opened

Rows = Sequence[Mapping[Any, Any]]

_REVISIONS = select(tables.reference_revision)


class ReferenceCache:
    """Owned by one process. What it read is committed data, as long as the caller's transaction wrote none of it."""

    def __init__(self) -> None:
        self._data = ReferenceData()
        self._revisions: dict[str, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def load(self, connection: AsyncConnection) -> ReferenceData:
        """Return the reference data as committed at this moment."""
        async with self._one_at_a_time:
            for kind, revision in await connection.execute(_REVISIONS):
                known = self._revisions.get(kind, 0)
                if revision > known:
                    await self._catch_up(connection, _SOURCES[kind], known)
                    self._revisions[kind] = revision
            return self._data

    async def _catch_up(self, connection: AsyncConnection, source: "_Source", known: int) -> None:
        table = source.table
        statement = select(table).where(table.c.revision > known).order_by(*table.primary_key.columns)
        rows = await opened(connection, table, await connection.execute(statement))
        self._data = source.apply(self._data, rows)


@dataclass(frozen=True, slots=True)
class _Source:
    table: Table
    apply: Callable[[ReferenceData, Rows], ReferenceData]


def _instruments(data: ReferenceData, rows: Rows) -> ReferenceData:
    changed = [as_record(kinds.INSTRUMENTS, row) for row in rows]
    return replace(
        data, instruments={**data.instruments, **{(item.isin, item.mic): item for item in changed}}
    )


def _counterparties(data: ReferenceData, rows: Rows) -> ReferenceData:
    changed = [as_record(kinds.COUNTERPARTIES, row) for row in rows]
    return replace(data, counterparties={**data.counterparties, **{item.lei: item for item in changed}})


def _books(data: ReferenceData, rows: Rows) -> ReferenceData:
    changed = [as_record(kinds.BOOKS, row) for row in rows]
    return replace(data, books={**data.books, **{item.book: item for item in changed}})


def _settlement_instructions(data: ReferenceData, rows: Rows) -> ReferenceData:
    versions = dict(data.settlement_instructions)
    for row in rows:
        ssi = as_record(kinds.SETTLEMENT_INSTRUCTIONS, row)
        key = kinds.SETTLEMENT_INSTRUCTIONS.key(ssi)
        others = [known for known in versions.get(key, ()) if known.version != ssi.version]
        versions[key] = sorted([*others, ssi], key=lambda item: item.version)
    return replace(data, settlement_instructions=versions)


def _settlement_cycles(data: ReferenceData, rows: Rows) -> ReferenceData:
    cycles = dict(data.settlement_cycles)
    for row in rows:
        cycle = as_record(kinds.SETTLEMENT_CYCLES, row)
        key = (cycle.mic, cycle.instrument_type)
        others = [known for known in cycles.get(key, ()) if known.effective_from != cycle.effective_from]
        cycles[key] = sorted([*others, cycle], key=lambda item: item.effective_from)
    return replace(data, settlement_cycles=cycles)


def _calendars(data: ReferenceData, rows: Rows) -> ReferenceData:
    changed = [settlement_calendar(as_record(kinds.CALENDARS, row)) for row in rows]
    return replace(data, calendars={**data.calendars, **{item.code: item for item in changed}})


def _business_days(data: ReferenceData, rows: Rows) -> ReferenceData:
    changed = {row["calendar"]: business_day_of(row) for row in rows}
    return replace(data, business_days={**data.business_days, **changed})


def _employees(data: ReferenceData, rows: Rows) -> ReferenceData:
    return replace(data, employees=data.employees | {row["employee_id"] for row in rows})


def settlement_calendar(record: Calendar) -> SettlementCalendar:
    """Return the calendar that counts days, from its record."""
    return SettlementCalendar(record.calendar, record.valid_from, record.valid_to, frozenset(record.closures))


def business_day_of(row: Mapping[Any, Any]) -> BusinessDay:
    """Return the firm's day that a row holds."""
    return BusinessDay(
        row["calendar"], row["business_date"], BusinessDayStatus(row["status"]), row["version"]
    )


_SOURCES = {
    "instruments": _Source(tables.instrument, _instruments),
    "counterparties": _Source(tables.counterparty, _counterparties),
    "books": _Source(tables.book, _books),
    "settlement-instructions": _Source(tables.settlement_instruction_version, _settlement_instructions),
    "settlement-cycles": _Source(tables.settlement_cycle, _settlement_cycles),
    "calendars": _Source(tables.calendar, _calendars),
    "business-days": _Source(tables.business_day, _business_days),
    "employees": _Source(tables.employee, _employees),
}
