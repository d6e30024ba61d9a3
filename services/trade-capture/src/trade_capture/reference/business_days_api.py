"""The firm's day over HTTP: opened, closed, rolled by operations."""

from typing import Annotated, Any

from fastapi import Path
from sqlalchemy import select

from backoffice_chassis import (
    Audit,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    fetch_page,
    requires,
    shared,
)
from backoffice_chassis.http.vocabulary import Code
from trade_capture.permissions import KEEP_BUSINESS_DAYS, READ_BUSINESS_DAYS
from trade_capture.reference import business_days
from trade_capture.reference.domain import BusinessDay
from trade_capture.reference.domain.business_day import close_day, open_day
from trade_capture.reference.schemas import BusinessDayOut, BusinessDayRoll, BusinessDayStep
from trade_capture.reference.tables import business_day

router = Router(prefix="/reference/business-days", tags=["Business days"])

Reader = Annotated[Principal, shared(READ_BUSINESS_DAYS)]
Operator = Annotated[Principal, requires(KEEP_BUSINESS_DAYS)]
Recorder = Annotated[Audit, audits("business-day")]
CalendarCode = Annotated[Code, Path(description="Settlement calendar")]


@router.get("", response_model=Page[BusinessDayOut])
async def list_business_days(unit: Unit, paging: Paging, _: Reader) -> Any:
    """List where the firm's day stands on each calendar."""
    found, cursor = await fetch_page(unit.connection, select(business_day), [business_day.c.calendar], paging)
    return {"items": [row._mapping for row in found], "next_cursor": cursor}


@router.post("/{calendar}/open", response_model=BusinessDayOut)
async def open_business_day(
    calendar: CalendarCode, step: BusinessDayStep, unit: Unit, principal: Operator, audit: Recorder
) -> BusinessDay:
    """Open a day: any settlement day to begin with, after that the one that follows the day closed last."""
    moved = await business_days.move(unit, calendar, open_day, step.business_date, principal.subject)
    return await _recorded(audit, unit, moved)


@router.post("/{calendar}/close", response_model=BusinessDayOut)
async def close_business_day(
    calendar: CalendarCode, step: BusinessDayStep, unit: Unit, principal: Operator, audit: Recorder
) -> BusinessDay:
    """Close the open day. A day closed before is answered as it stands."""
    moved = await business_days.move(unit, calendar, close_day, step.business_date, principal.subject)
    return await _recorded(audit, unit, moved)


@router.post("/{calendar}/roll", response_model=BusinessDayOut)
async def roll_business_day(
    calendar: CalendarCode, step: BusinessDayRoll, unit: Unit, principal: Operator, audit: Recorder
) -> BusinessDay:
    """Close a day and open the next settlement day."""
    moved = await business_days.roll(unit, calendar, step.business_date, principal.subject)
    return await _recorded(audit, unit, moved)


async def _recorded(audit: Audit, unit: Unit, moved: business_days.Moved) -> BusinessDay:
    if moved.before == moved.after:
        audit.nothing_changed()
    else:
        await audit.record(unit, moved.after.calendar, before=moved.before, after=moved.after)
    return moved.after
