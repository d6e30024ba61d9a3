"""The firm's day: it opens, closes, rolls, and never goes back."""

import itertools
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_capture.reference.domain import (
    BusinessDay,
    BusinessDayRefusedError,
    BusinessDayStatus,
    SettlementCalendar,
)
from trade_capture.reference.domain.business_day import Step, close_day, open_day, roll_day

pytestmark = pytest.mark.unit

CHRISTMAS = date(2026, 12, 25)
CALENDAR = SettlementCalendar("US", date(2026, 1, 1), date(2027, 12, 31), frozenset({CHRISTMAS}))
MONDAY = date(2026, 12, 21)

Decide = Callable[[SettlementCalendar, BusinessDay | None, date], list[Step]]


def after(current: BusinessDay | None, decide: Decide, day: date) -> BusinessDay | None:
    steps = decide(CALENDAR, current, day)
    if not steps:
        return current
    last = steps[-1]
    return BusinessDay(last.calendar, last.business_date, last.status, last.version)


def standing(status: BusinessDayStatus, day: date = MONDAY, version: int = 3) -> BusinessDay:
    return BusinessDay("US", day, status, version)


OPEN, CLOSED = standing(BusinessDayStatus.OPEN), standing(BusinessDayStatus.CLOSED)


def test_the_first_day_may_be_any_settlement_day() -> None:
    assert after(None, open_day, MONDAY) == standing(BusinessDayStatus.OPEN, version=1)
    with pytest.raises(BusinessDayRefusedError, match="no settlement day"):
        open_day(CALENDAR, None, CHRISTMAS)


def test_a_step_said_twice_is_taken_once() -> None:
    assert open_day(CALENDAR, OPEN, MONDAY) == []
    assert close_day(CALENDAR, CLOSED, MONDAY) == []
    tuesday = standing(BusinessDayStatus.OPEN, date(2026, 12, 22), 5)
    assert roll_day(CALENDAR, tuesday, MONDAY) == []


def test_a_roll_of_a_day_that_closed_already_only_opens_the_next() -> None:
    [opened] = roll_day(CALENDAR, CLOSED, MONDAY)
    assert (opened.business_date, opened.version) == (date(2026, 12, 22), 4)


def test_a_roll_passes_over_holidays_and_weekends() -> None:
    thursday = standing(BusinessDayStatus.OPEN, date(2026, 12, 24))
    assert [step.business_date for step in roll_day(CALENDAR, thursday, thursday.business_date)] == [
        date(2026, 12, 24),
        date(2026, 12, 28),
    ]


@pytest.mark.parametrize(
    ("current", "decide", "day", "reason"),
    [
        (OPEN, open_day, date(2026, 12, 22), "close it first"),
        (CLOSED, open_day, date(2026, 12, 18), "the next to open is 2026-12-22"),
        (CLOSED, open_day, MONDAY, "the next to open is 2026-12-22"),
        (CLOSED, open_day, date(2026, 12, 23), "the next to open is 2026-12-22"),
        (OPEN, close_day, date(2026, 12, 22), "2026-12-21 is open"),
        (None, close_day, MONDAY, "no day was ever opened"),
        (None, roll_day, MONDAY, "no day was ever opened"),
        (OPEN, roll_day, date(2026, 12, 17), "is not open"),
    ],
)
def test_what_is_refused_says_what_would_do(
    current: BusinessDay | None, decide: Decide, day: date, reason: str
) -> None:
    with pytest.raises(BusinessDayRefusedError, match=reason):
        decide(CALENDAR, current, day)


moves = st.tuples(
    st.sampled_from([open_day, close_day, roll_day]), st.dates(date(2026, 12, 18), date(2027, 1, 8))
)


@given(st.lists(moves, max_size=30))
def test_days_never_go_back_and_versions_count_each_step(moves: list[tuple[Decide, date]]) -> None:
    current: BusinessDay | None = None
    steps: list[Step] = []
    for decide, day in moves:
        try:
            steps += decide(CALENDAR, current, day)
        except BusinessDayRefusedError:
            continue
        current = after(current, decide, day)
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    opened = [step.business_date for step in steps if step.status is BusinessDayStatus.OPEN]
    for earlier, later in itertools.pairwise(opened):
        assert later == CALENDAR.after(earlier)
    assert all(CALENDAR.is_settlement_day(step.business_date) for step in steps)
