"""Reference data as the public topics state it, and the dates that follow from it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.reference import (
    BookChanged,
    CalendarChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
    SettlementInstructionChanged,
)
from backoffice_events.contracts.vocabulary import InstrumentType

_DAY = timedelta(days=1)
_SATURDAY = 5
Days = tuple[date, date]


@dataclass(slots=True)
class Market:
    """The latest state of each record. days: the first and last date that each calendar's open day had in the run."""

    days: dict[str, Days]
    instruments: dict[tuple[str, str], InstrumentChanged] = field(default_factory=dict)
    counterparties: dict[str, CounterpartyChanged] = field(default_factory=dict)
    books: dict[str, BookChanged] = field(default_factory=dict)
    calendars: dict[str, CalendarChanged] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    cycles: dict[tuple[str, InstrumentType], dict[date, SettlementCycleChanged]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    instructions: dict[tuple[str, str, str], list[SettlementInstructionChanged]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def learn(self, events: Iterable[Event]) -> "Market":
        """Take in what the topics say, in their order; return the market itself."""
        for event in events:
            match event:
                case InstrumentChanged():
                    self.instruments[event.isin, event.mic] = event
                case CounterpartyChanged():
                    self.counterparties[event.lei] = event
                case BookChanged():
                    self.books[event.book] = event
                case CalendarChanged():
                    self.calendars[event.calendar] = event
                case SettlementCycleChanged():
                    self.cycles[event.mic, event.instrument_type][event.effective_from] = event
                case SettlementInstructionChanged():
                    key = event.party, event.place_of_settlement, event.currency
                    self.instructions[key].append(event)
                case _ if hasattr(event, "employee"):
                    self.people.add(event.employee.employee_id)
        return self

    def cycle(self, mic: str, kind: InstrumentType, trade_date: date) -> SettlementCycleChanged | None:
        """Return the settlement cycle in force for trades of a date."""
        cycles = self.cycles.get((mic, kind), {})
        start = max((start for start in cycles if start <= trade_date), default=None)
        return None if start is None else cycles[start]

    def settlement_date(self, cycle: SettlementCycleChanged, trade_date: date) -> date | None:
        """Return T+n on the cycle's calendar; None when the calendar does not reach so far."""
        calendar = self.calendars.get(cycle.settlement_calendar)
        if calendar is None or not calendar.valid_from <= trade_date <= calendar.valid_to:
            return None
        day = on_or_before(calendar, trade_date)
        for _ in range(cycle.days):
            day += _DAY
            while not settles(calendar, day):
                day += _DAY
        while day < trade_date or not settles(calendar, day):
            day += _DAY
        return day if day <= calendar.valid_to else None

    def settles_at(self, party: str, place: str, currency: str, day: date) -> bool:
        """Tell whether a party has a settlement instruction in force."""
        versions = [each for each in self.instructions[party, place, currency] if each.effective_from <= day]
        return bool(versions) and versions[-1].active


def settles(calendar: CalendarChanged, day: date) -> bool:
    """Tell whether securities and money move on a day."""
    return day.weekday() < _SATURDAY and day not in calendar.closures


def on_or_before(calendar: CalendarChanged, day: date) -> date:
    """Return the last settlement day up to and with `day`."""
    while not settles(calendar, day):
        day -= _DAY
    return day
