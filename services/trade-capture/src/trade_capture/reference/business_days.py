"""The firm's day on each calendar: kept, moved on, and made known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import conflict, not_found
from backoffice_events.messaging import UnitOfWork, bulk
from trade_capture.reference import repository
from trade_capture.reference.cache import business_day_of, settlement_calendar
from trade_capture.reference.domain import (
    BusinessDay,
    BusinessDayRefusedError,
    DateOutsideCalendarError,
    SettlementCalendar,
)
from trade_capture.reference.domain.business_day import Step, roll_day
from trade_capture.reference.kinds import CALENDARS
from trade_capture.reference.tables import business_day, business_day_version

_KIND = "business-days"

Decide = Callable[[SettlementCalendar, BusinessDay | None, date], list[Step]]


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a calendar's day stood, and where it stands."""

    before: BusinessDay | None
    after: BusinessDay


async def move(unit: UnitOfWork, code: str, decide: Decide, day: date, recorded_by: str) -> Moved:
    """Open, close or roll the day of a calendar and publish what happened. Raises 404 and 409 problems."""
    calendar = await _calendar(unit.connection, code)
    revision = await repository.lock_kind(unit.connection, _KIND)
    current = await _current(unit.connection, code)
    try:
        steps = decide(calendar, current, day)
    except (BusinessDayRefusedError, DateOutsideCalendarError) as error:
        raise conflict("business-day-refused", f"{error}.") from error
    await _record(unit, steps, revision, recorded_by)
    last = steps[-1] if steps else current
    if last is None:
        raise AssertionError("a step was decided, or a day is on record")
    return Moved(current, BusinessDay(last.calendar, last.business_date, last.status, last.version))


async def roll(unit: UnitOfWork, code: str, day: date | None, recorded_by: str) -> Moved:
    """Close a day, the last one opened unless stated, and open the next settlement day."""
    if day is None:
        current = await _current(unit.connection, code)
        if current is None:
            await _calendar(unit.connection, code)
            raise conflict("business-day-refused", f"No day was ever opened on {code}: open one.")
        day = current.business_date
    return await move(unit, code, roll_day, day, recorded_by)


async def _calendar(connection: AsyncConnection, code: str) -> SettlementCalendar:
    found = await repository.current_records(connection, CALENDARS, [(code,)])
    if not found:
        raise not_found("calendar", code)
    return settlement_calendar(found[(code,)])


async def _current(connection: AsyncConnection, code: str) -> BusinessDay | None:
    statement = select(business_day).where(business_day.c.calendar == code)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return business_day_of(row) if row is not None else None


async def _record(unit: UnitOfWork, steps: list[Step], revision: int, recorded_by: str) -> None:
    if not steps:
        return
    recorded = {"revision": revision, "recorded_at": unit.now, "recorded_by": recorded_by}
    rows: list[dict[str, Any]] = [{**msgspec.structs.asdict(step), **recorded} for step in steps]
    await bulk.insert(unit.connection, business_day_version, rows)
    replacing = repository.replacing(business_day, ("calendar",))
    await bulk.insert(unit.connection, business_day, rows[-1:], on_conflict=replacing)
    await repository.set_revision(unit.connection, _KIND, revision)
    for step in steps:
        unit.publish(step)
