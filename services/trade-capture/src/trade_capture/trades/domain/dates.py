"""When a trade may have been done and when it settles, judged once per market, instrument type and trade date.

No trading calendar is on record, and a settlement calendar is none: of the days on which an exchange was closed, the
weekends alone are known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from msgspec import UNSET, UnsetType

from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture.reference.domain import (
    DateOutsideCalendarError,
    ReferenceData,
    SettlementCalendar,
    SettlementCycle,
)
from trade_capture.trades.domain.reasons import Reason, ReasonCode
from trade_capture.trades.domain.terms import Stated

_SATURDAY = 5
_Market = tuple[str, InstrumentType, date]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The days of a trade. settlement_date: by the market's cycle. faults: what is wrong with the trade date.

    cycle, calendar, settlement_date: None where a fault says why.
    """

    cycle: SettlementCycle | None
    calendar: SettlementCalendar | None
    settlement_date: date | None
    faults: tuple[Reason, ...]


NO_TIMELINE = Timeline(None, None, None, ())
"""Of a trade whose date cannot be read."""


class Timelines:
    """Judges trade dates against the reference data of one batch, each combination once.

    max_age: settlement days that a new trade may lie behind the open business date.
    """

    def __init__(self, reference: ReferenceData, max_age: int) -> None:
        self._reference = reference
        self._max_age = max_age
        self._known: dict[_Market, Timeline] = {}

    def of(self, mic: str, instrument_type: InstrumentType, trade_date: date) -> Timeline:
        """Return the timeline of trades done that day on that market."""
        market = (mic, instrument_type, trade_date)
        timeline = self._known.get(market)
        if timeline is None:
            timeline = self._known[market] = self._judge(*market)
        return timeline

    def of_unlisted(self, mic: str | UnsetType, trade_date: date) -> Timeline:
        """Return what is certain of a trade in an instrument that is not known: what holds for every type of it.

        That is the weekend, and what the market's calendar says where all types settle by the same one.
        """
        if mic is UNSET:
            return Timeline(None, None, None, _weekend_faults(trade_date))
        settling = [each for each in self._of_each_type(mic, trade_date) if each.calendar is not None]
        if len({each.calendar.code for each in settling if each.calendar is not None}) != 1:
            return Timeline(None, None, None, _weekend_faults(trade_date))
        faults = [fault for fault in settling[0].faults if all(fault in each.faults for each in settling)]
        return Timeline(None, settling[0].calendar, None, tuple(faults))

    def _of_each_type(self, mic: str, trade_date: date) -> Iterator[Timeline]:
        for instrument_type in InstrumentType:
            yield self.of(mic, instrument_type, trade_date)

    def _judge(self, mic: str, instrument_type: InstrumentType, trade_date: date) -> Timeline:
        weekend = _weekend_faults(trade_date)
        cycle = self._reference.settlement_cycle(mic, instrument_type, trade_date)
        calendars: Mapping[str, SettlementCalendar] = self._reference.calendars
        calendar = calendars.get(cycle.settlement_calendar) if cycle else None
        if cycle is None or calendar is None:
            no_cycle = _no_cycle(mic, instrument_type, trade_date, cycle)
            return Timeline(cycle, None, None, (*weekend, no_cycle))
        try:
            settlement_date = calendar.settlement_date(trade_date, cycle.days)
            faults = self._trade_date_faults(calendar, trade_date)
        except (DateOutsideCalendarError, OverflowError):
            return Timeline(cycle, calendar, None, (*weekend, _outside(calendar, trade_date)))
        return Timeline(cycle, calendar, settlement_date, (*weekend, *faults))

    def _trade_date_faults(self, calendar: SettlementCalendar, trade_date: date) -> tuple[Reason, ...]:
        day = self._reference.business_days.get(calendar.code)
        if day is None:
            message = f"no business day was ever opened on calendar {calendar.code}: open one, then resubmit"
            return (_trade_date(ReasonCode.NO_BUSINESS_DAY, message),)
        return self._against_business_date(calendar, trade_date, day.business_date)

    def _against_business_date(
        self, calendar: SettlementCalendar, trade_date: date, business_date: date
    ) -> tuple[Reason, ...]:
        # A trading day on which nothing settles (Columbus Day) belongs to the business day before it.
        if calendar.on_or_before(trade_date) > business_date:
            message = f"{trade_date} is after {business_date}, the business date of calendar {calendar.code}"
            return (_trade_date(ReasonCode.TRADE_DATE_IN_FUTURE, message),)
        if trade_date < self._oldest(calendar, business_date):
            message = f"{trade_date} lies more than {self._max_age} settlement days before {business_date}"
            return (_trade_date(ReasonCode.TRADE_DATE_TOO_OLD, message),)
        return ()

    def _oldest(self, calendar: SettlementCalendar, business_date: date) -> date:
        """Return the first trade date that is not too old: no earlier than the calendar, which may begin these days."""
        try:
            return calendar.before(business_date, self._max_age)
        except DateOutsideCalendarError:
            return calendar.valid_from


def agreed_date_faults(
    stated: Stated, calendar: SettlementCalendar | None, max_lag: timedelta
) -> Iterator[Reason]:
    """Yield what is wrong with a settlement date agreed to differ from the cycle's, on a calendar if one is known.

    max_lag: how far behind the trade date it may lie.
    """
    agreed, trade_date = stated.settlement_date, stated.trade_date
    if agreed is None or agreed is UNSET:
        return
    if agreed.weekday() >= _SATURDAY:
        yield _settlement_date(f"{agreed} is a weekend: nothing settles then")
    elif calendar is not None:
        yield from _closed(calendar, agreed)
    if trade_date is UNSET:
        return
    if agreed < trade_date:
        yield _settlement_date(f"{agreed} is before the trade date {trade_date}")
    if agreed - trade_date > max_lag:
        message = f"{agreed} lies more than {max_lag.days} days after the trade date {trade_date}"
        yield _settlement_date(message)


def _closed(calendar: SettlementCalendar, agreed: date) -> Iterator[Reason]:
    try:
        settles = calendar.is_settlement_day(agreed)
    except DateOutsideCalendarError as outside:
        yield _settlement_date(str(outside))
        return
    if not settles:
        yield _settlement_date(f"{agreed} is no settlement day on calendar {calendar.code}")


def _weekend_faults(trade_date: date) -> tuple[Reason, ...]:
    if trade_date.weekday() < _SATURDAY:
        return ()
    message = f"{trade_date} is a weekend: no market trades then"
    return (_trade_date(ReasonCode.INVALID_TRADE_DATE, message),)


def _settlement_date(message: str) -> Reason:
    return Reason(ReasonCode.INVALID_SETTLEMENT_DATE, "settlement_date", message)


def _trade_date(code: ReasonCode, message: str) -> Reason:
    return Reason(code, "trade_date", message)


def _no_cycle(
    mic: str, instrument_type: InstrumentType, trade_date: date, cycle: SettlementCycle | None
) -> Reason:
    if cycle is not None:
        message = f"settlement calendar {cycle.settlement_calendar} is not on record: load it, then resubmit"
    else:
        message = (
            f"no settlement cycle for {instrument_type} on {mic} traded {trade_date}: load it, then resubmit"
        )
    return Reason(ReasonCode.NO_SETTLEMENT_CYCLE, "mic", message)


def _outside(calendar: SettlementCalendar, trade_date: date) -> Reason:
    message = (
        f"{trade_date} and its settlement must lie between {calendar.valid_from} and {calendar.valid_to}, "
        f"the dates that calendar {calendar.code} covers"
    )
    return _trade_date(ReasonCode.INVALID_TRADE_DATE, message)
