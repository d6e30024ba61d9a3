"""Reads and writes of the firm's days."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.reference import BusinessDayStatus
from backoffice_events.messaging import bulk
from ledger.business_days.domain import BusinessDay, closed_through, first_open_day
from ledger.business_days.tables import posting_calendar

_LOCK = text(
    """
    SELECT calendar, business_date, status FROM posting_calendar
    WHERE calendar = ANY(CAST(:calendars AS text[])) ORDER BY calendar FOR SHARE
    """
)
_TAKE = """
    (calendar) DO UPDATE SET version = excluded.version, business_date = excluded.business_date,
        status = excluded.status, closed_through = greatest(posting_calendar.closed_through, excluded.closed_through)
    WHERE posting_calendar.version < excluded.version
"""


async def lock_first_open_days(connection: AsyncConnection, calendars: set[str]) -> dict[str, date | None]:
    """Return the first open day of each calendar, and keep it open until this transaction ends.

    A calendar of which no business day was heard yet is made known and has None: all its days are open.
    """
    wanted = {"calendars": sorted(calendars)}
    rows = (await connection.execute(_LOCK, wanted)).all()
    if len(rows) < len(calendars):
        unknown = [{"calendar": name} for name in sorted(calendars - {row.calendar for row in rows})]
        await bulk.insert(connection, posting_calendar, unknown, on_conflict="(calendar) DO NOTHING")
        rows = (await connection.execute(_LOCK, wanted)).all()
    return {
        row.calendar: None
        if row.business_date is None
        else first_open_day(row.business_date, BusinessDayStatus(row.status))
        for row in rows
    }


async def take(connection: AsyncConnection, days: Sequence[BusinessDay]) -> None:
    """Take in the business days, one of each calendar, that are newer than those known."""
    rows = [
        {
            "calendar": day.calendar,
            "version": day.version,
            "business_date": day.business_date,
            "status": day.status.value,
            "closed_through": closed_through(day),
        }
        for day in sorted(days, key=lambda day: day.calendar)
    ]
    await bulk.insert(connection, posting_calendar, rows, on_conflict=_TAKE)
