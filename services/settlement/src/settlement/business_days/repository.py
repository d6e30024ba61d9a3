"""Business days as they were published, and how many ended since a date."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.messaging import bulk
from settlement.business_days.tables import business_day


async def record(
    connection: AsyncConnection, day: BusinessDayOpened | BusinessDayClosed, now: datetime
) -> None:
    """Note that a day opened or closed; a step older than the one known of that day changes nothing."""
    row = {
        "calendar": day.calendar,
        "business_date": day.business_date,
        "status": day.status.value,
        "version": day.version,
        "recorded_at": now,
    }
    await bulk.insert(
        connection,
        business_day,
        [row],
        on_conflict="(calendar, business_date) DO UPDATE SET status = excluded.status, version = excluded.version,"
        " recorded_at = excluded.recorded_at WHERE business_day.version < excluded.version",
    )


def days_ended_since(calendar: ColumnElement[str], since: ColumnElement[object]) -> ColumnElement[int]:
    """Return how many business days of the calendar, from `since` on, have ended: closed, or another opened since."""
    later = business_day.alias()
    followed = exists().where(
        later.c.calendar == business_day.c.calendar, later.c.business_date > business_day.c.business_date
    )
    count = select(func.count()).select_from(business_day)
    return count.where(
        business_day.c.calendar == calendar,
        business_day.c.business_date >= since,
        (business_day.c.status == "CLOSED") | followed,
    ).scalar_subquery()
