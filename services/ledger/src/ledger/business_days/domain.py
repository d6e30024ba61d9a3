"""Which day of the books is the first that takes postings."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened, BusinessDayStatus

BusinessDay = BusinessDayOpened | BusinessDayClosed
D = TypeVar("D", bound=BusinessDay)

_ONE_DAY = timedelta(days=1)


def latest(days: Iterable[BusinessDay]) -> list[BusinessDay]:
    """Return the latest of the events of each calendar."""
    newest: dict[str, BusinessDay] = {}
    for day in days:
        if day.calendar not in newest or day.version > newest[day.calendar].version:
            newest[day.calendar] = day
    return list(newest.values())


def closed_through(day: BusinessDay) -> date:
    """Return the last day that an event leaves closed."""
    return day.business_date if day.status is BusinessDayStatus.CLOSED else day.business_date - _ONE_DAY


def first_open_day(business_date: date, status: BusinessDayStatus) -> date:
    """Return the day that takes postings now: the open one or, between two days, the weekday after the closed one."""
    if status is BusinessDayStatus.OPEN:
        return business_date
    following = business_date + _ONE_DAY
    while following.weekday() >= 5:
        following += _ONE_DAY
    return following
