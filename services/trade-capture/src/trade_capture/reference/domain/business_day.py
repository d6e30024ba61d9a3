"""The firm's day on a settlement calendar: it opens, closes, and never goes back.

Days follow one another without a gap: each settlement day is closed once, and what fails on it is seen.
"""

from dataclasses import dataclass
from datetime import date

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened, BusinessDayStatus
from trade_capture.reference.domain.calendars import SettlementCalendar

__all__ = ["BusinessDay", "BusinessDayRefusedError", "BusinessDayStatus", "close_day", "open_day", "roll_day"]

Step = BusinessDayOpened | BusinessDayClosed


class BusinessDayRefusedError(ValueError):
    """The day cannot take that step. The message says from which state and what would be possible."""


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """Where the firm's day stands on a calendar. version: one more with each step."""

    calendar: str
    business_date: date
    status: BusinessDayStatus
    version: int


def open_day(calendar: SettlementCalendar, current: BusinessDay | None, day: date) -> list[Step]:
    """Return what happens when `day` opens: nothing if it is open already.

    The first day may be any settlement day. Raises BusinessDayRefusedError, DateOutsideCalendarError.
    """
    if current is None:
        _refuse_unless_settlement_day(calendar, day)
        return [_opened(calendar.code, day, 1)]
    if current.status is BusinessDayStatus.OPEN:
        if current.business_date == day:
            return []
        raise BusinessDayRefusedError(f"{current.business_date} is open on {calendar.code}: close it first")
    following = calendar.after(current.business_date)
    if day != following:
        raise BusinessDayRefusedError(
            f"{calendar.code} closed {current.business_date}: the next to open is {following}"
        )
    return [_opened(calendar.code, day, current.version + 1)]


def close_day(calendar: SettlementCalendar, current: BusinessDay | None, day: date) -> list[Step]:
    """Return what happens when `day` closes: nothing if it was the last to close.

    Raises BusinessDayRefusedError.
    """
    if current is not None and current.business_date == day:
        if current.status is BusinessDayStatus.CLOSED:
            return []
        return [_closed(calendar.code, day, current.version + 1)]
    raise BusinessDayRefusedError(f"{day} is not open on {calendar.code}: {_standing(current)}")


def roll_day(calendar: SettlementCalendar, current: BusinessDay | None, day: date) -> list[Step]:
    """Return what happens when `day` closes and the next settlement day opens.

    Nothing happens if the next day is open already: a roll can be sent twice. Raises BusinessDayRefusedError.
    """
    following = calendar.after(day)
    if current is None:
        raise BusinessDayRefusedError(f"{day} is not open on {calendar.code}: {_standing(None)}")
    if current.business_date == following and current.status is BusinessDayStatus.OPEN:
        return []
    closing = close_day(calendar, current, day)
    return [*closing, _opened(calendar.code, following, current.version + len(closing) + 1)]


def _refuse_unless_settlement_day(calendar: SettlementCalendar, day: date) -> None:
    if not calendar.is_settlement_day(day):
        raise BusinessDayRefusedError(
            f"{day} is no settlement day on {calendar.code}: the next one is {calendar.on_or_after(day)}"
        )


def _standing(current: BusinessDay | None) -> str:
    if current is None:
        return "no day was ever opened"
    return f"{current.business_date} is {current.status.lower()}"


def _opened(calendar: str, day: date, version: int) -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.OPEN
    )


def _closed(calendar: str, day: date, version: int) -> BusinessDayClosed:
    return BusinessDayClosed(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.CLOSED
    )
