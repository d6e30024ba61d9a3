"""Which day takes postings."""

from datetime import date

import pytest

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened, BusinessDayStatus
from ledger.business_days.domain import closed_through, first_open_day, latest

pytestmark = pytest.mark.unit

FRIDAY = date(2024, 6, 7)


def opened(calendar: str, day: date, version: int) -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.OPEN
    )


def closed(calendar: str, day: date, version: int) -> BusinessDayClosed:
    return BusinessDayClosed(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.CLOSED
    )


def test_an_open_day_closes_all_days_before_it() -> None:
    assert closed_through(opened("US", FRIDAY, 1)) == date(2024, 6, 6)


def test_a_closed_day_takes_no_more_postings() -> None:
    assert closed_through(closed("US", FRIDAY, 2)) == FRIDAY


@pytest.mark.parametrize("day", [date.min, date.max, date(1, 12, 31), date(9999, 1, 1)])
def test_no_calendar_has_a_day_at_the_end_of_time(day: date) -> None:
    assert not opened("US", day, 1).is_in_calendars
    assert opened("US", FRIDAY, 1).is_in_calendars


def test_the_open_day_takes_postings() -> None:
    assert first_open_day(FRIDAY, BusinessDayStatus.OPEN) == FRIDAY


def test_between_two_days_the_weekday_to_come_takes_postings() -> None:
    assert first_open_day(FRIDAY, BusinessDayStatus.CLOSED) == date(2024, 6, 10)


def test_of_each_calendar_the_highest_version_counts() -> None:
    days = [closed("US", FRIDAY, 2), opened("US", FRIDAY, 1), opened("GB", FRIDAY, 7)]
    assert {(day.calendar, day.version) for day in latest(days)} == {("US", 2), ("GB", 7)}
