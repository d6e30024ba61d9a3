"""When a trade settles: settlement days, and the cycle of a market.

A settlement day is a weekday that the calendar does not close: for US securities one that is neither an
exchange closure nor a Fedwire holiday. A trade done on a day that is none (exchange open, banks closed:
Columbus Day, Veterans Day) settles as if done on the settlement day before.
"""

from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
_SATURDAY = 5


class DateOutsideCalendarError(ValueError):
    """A date lies outside the years a calendar covers. The message names the calendar and its years."""


@dataclass(frozen=True, slots=True)
class SettlementCalendar:
    """Settlement days between two dates, both included. closures: the weekdays that are none."""

    code: str
    valid_from: date
    valid_to: date
    closures: frozenset[date]

    def is_settlement_day(self, day: date) -> bool:
        """Tell whether securities and money move on `day`. Raises DateOutsideCalendarError."""
        if not self.valid_from <= day <= self.valid_to:
            raise DateOutsideCalendarError(
                f"{day} is outside calendar {self.code}, which covers {self.valid_from} to {self.valid_to}"
            )
        return day.weekday() < _SATURDAY and day not in self.closures

    def on_or_before(self, day: date) -> date:
        """Return the last settlement day up to and with `day`."""
        while not self.is_settlement_day(day):
            day -= _DAY
        return day

    def on_or_after(self, day: date) -> date:
        """Return the first settlement day from `day` on."""
        while not self.is_settlement_day(day):
            day += _DAY
        return day

    def after(self, day: date, days: int = 1) -> date:
        """Return the `days`-th settlement day after `day`."""
        for _ in range(days):
            day = self.on_or_after(day + _DAY)
        return day

    def before(self, day: date, days: int = 1) -> date:
        """Return the `days`-th settlement day before `day`."""
        for _ in range(days):
            day = self.on_or_before(day - _DAY)
        return day

    def settlement_date(self, trade_date: date, cycle_days: int) -> date:
        """Return the day on which a trade settles that was done `cycle_days` settlement days before (T+n).

        Never earlier than the trade: a same-day cycle on a closed day settles on the next settlement day.
        Raises DateOutsideCalendarError when the calendar does not reach so far.
        """
        settles = self.after(self.on_or_before(trade_date), cycle_days)
        return settles if settles >= trade_date else self.on_or_after(trade_date)
