"""Settlement days and settlement dates, against what regulators printed."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_capture.reference.domain import DateOutsideCalendarError, SettlementCalendar

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[4] / "data" / "calendars"
GOLDEN = list(csv.DictReader((DATA / "us_trade_to_settlement_dates_official.csv").open(encoding="utf-8")))

# Exchange closures and bank holidays that fall into the weeks of the official dates.
US_CLOSURES_THEN = frozenset(
    date.fromisoformat(day)
    for day in (
        *("1984-02-13", "1984-02-20"),
        *("1988-11-11", "1988-11-24"),
        *("1995-10-09", "1999-10-11"),
        *("2000-12-25", "2001-01-01"),
    )
)
US_THEN = SettlementCalendar("US", date(1984, 1, 1), date(2001, 12, 31), US_CLOSURES_THEN)


def shipped(code: str, *sources: str) -> SettlementCalendar:
    with (DATA / "holidays_2021_2028.csv").open(encoding="utf-8") as file:
        closures = {
            date.fromisoformat(row["date"]) for row in csv.DictReader(file) if row["calendar"] in sources
        }
    return SettlementCalendar(code, date(2021, 1, 1), date(2028, 12, 31), frozenset(closures))


US = shipped("US", "XNYS", "FED")
TARGET = shipped("TARGET", "TARGET")
calendars = st.sampled_from([US, TARGET, shipped("GB", "XLON")])
days = st.dates(date(2021, 1, 10), date(2028, 11, 30))


def test_all_fifty_official_dates_are_here() -> None:
    assert len(GOLDEN) == 50


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row['trade_date']}-{row['cycle']}")
def test_us_settlement_dates_are_those_that_finra_printed(row: dict[str, str]) -> None:
    cycle_days = int(row["cycle"].removeprefix("T+"))
    trade_date = date.fromisoformat(row["trade_date"])
    assert US_THEN.settlement_date(trade_date, cycle_days) == date.fromisoformat(row["settlement_date"])


@pytest.mark.parametrize("trade_date", [date(2026, 10, 9), date(2026, 10, 12)])
def test_columbus_day_trades_settle_with_those_of_the_friday_before(trade_date: date) -> None:
    assert US.settlement_date(trade_date, 1) == date(2026, 10, 13)


def test_the_last_t2_and_first_t1_trades_of_europe_settle_on_one_day() -> None:
    assert TARGET.settlement_date(date(2027, 10, 8), 2) == date(2027, 10, 12)
    assert TARGET.settlement_date(date(2027, 10, 11), 1) == date(2027, 10, 12)


def test_a_same_day_cycle_on_a_closed_day_settles_on_the_next_settlement_day() -> None:
    assert US.settlement_date(date(2026, 10, 12), 0) == date(2026, 10, 13)


def test_a_date_beyond_the_calendar_is_refused_with_its_years() -> None:
    with pytest.raises(DateOutsideCalendarError, match="covers 2021-01-01 to 2028-12-31"):
        US.settlement_date(date(2028, 12, 29), 1)


@given(calendars, days, st.integers(0, 5))
def test_every_trade_settles_on_a_settlement_day_not_before_it(
    calendar: SettlementCalendar, trade_date: date, cycle_days: int
) -> None:
    settles = calendar.settlement_date(trade_date, cycle_days)
    assert settles >= trade_date
    assert calendar.is_settlement_day(settles)


@given(calendars, days, st.integers(0, 5))
def test_a_later_trade_never_settles_earlier(
    calendar: SettlementCalendar, trade_date: date, cycle_days: int
) -> None:
    tomorrow = trade_date + timedelta(days=1)
    assert calendar.settlement_date(tomorrow, cycle_days) >= calendar.settlement_date(trade_date, cycle_days)


@given(calendars, days, st.integers(1, 5))
def test_counting_settlement_days_forth_and_back_returns(
    calendar: SettlementCalendar, day: date, count: int
) -> None:
    start = calendar.on_or_after(day)
    assert calendar.before(calendar.after(start, count), count) == start
