"""What everybody in the market knows from the public reference topics: who trades, and when a trade settles."""

from datetime import date, timedelta

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.hr import HR_EMPLOYEES, Employee, EmploymentStatus
from backoffice_events.contracts.reference import (
    REFERENCE_CALENDARS,
    REFERENCE_COUNTERPARTIES,
    REFERENCE_INSTRUMENTS,
    REFERENCE_SETTLEMENT_CYCLES,
    CalendarChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
)
from backoffice_events.contracts.vocabulary import InstrumentType

REFERENCE_TOPICS = (
    REFERENCE_CALENDARS,
    REFERENCE_COUNTERPARTIES,
    REFERENCE_INSTRUMENTS,
    REFERENCE_SETTLEMENT_CYCLES,
)
MARKET_TOPICS = (*REFERENCE_TOPICS, HR_EMPLOYEES)

_DAY = timedelta(days=1)
_SATURDAY = 5


class Market:
    """The latest state of each reference topic. An implementation of its own: it checks the platform's dates."""

    def __init__(self) -> None:
        self.instruments: dict[tuple[str, str], InstrumentChanged] = {}
        self.counterparties: dict[str, CounterpartyChanged] = {}
        self.employees: dict[str, Employee] = {}
        self._calendars: dict[str, CalendarChanged] = {}
        self._cycles: dict[tuple[str, InstrumentType], dict[date, SettlementCycleChanged]] = {}

    def learn(self, event: Event) -> None:
        """Take in what a reference topic says."""
        match event:
            case InstrumentChanged():
                self.instruments[event.isin, event.mic] = event
            case CounterpartyChanged():
                self.counterparties[event.lei] = event
            case CalendarChanged():
                self._calendars[event.calendar] = event
            case SettlementCycleChanged():
                cycles = self._cycles.setdefault((event.mic, event.instrument_type), {})
                cycles[event.effective_from] = event
            case _ if isinstance(employee := getattr(event, "employee", None), Employee):
                self.employees[employee.employee_id] = employee

    def settlement_date(self, mic: str, instrument_type: InstrumentType, trade_date: date) -> date | None:
        """Return when a trade settles by the market's cycle; None when no cycle or calendar covers it."""
        cycle = self._cycle(mic, instrument_type, trade_date)
        if cycle is None or cycle.settlement_calendar not in self._calendars:
            return None
        calendar = self._calendars[cycle.settlement_calendar]
        if not calendar.valid_from <= trade_date <= calendar.valid_to:
            return None
        closures = frozenset(calendar.closures)
        day = trade_date
        while not _settles(day, closures):
            day -= _DAY
        for _ in range(cycle.days):
            day = _next(day, closures)
        while day < trade_date or not _settles(day, closures):
            day += _DAY
        return day if day <= calendar.valid_to else None

    def settlement_calendar(self, mic: str, instrument_type: InstrumentType, trade_date: date) -> str | None:
        """Return the calendar on which a trade settles; None when no cycle covers it."""
        cycle = self._cycle(mic, instrument_type, trade_date)
        return None if cycle is None else cycle.settlement_calendar

    def _cycle(
        self, mic: str, instrument_type: InstrumentType, trade_date: date
    ) -> SettlementCycleChanged | None:
        cycles = self._cycles.get((mic, instrument_type), {})
        since = max((start for start in cycles if start <= trade_date), default=None)
        return None if since is None else cycles[since]


def _next(day: date, closures: frozenset[date]) -> date:
    day += _DAY
    while not _settles(day, closures):
        day += _DAY
    return day


def _settles(day: date, closures: frozenset[date]) -> bool:
    return day.weekday() < _SATURDAY and day not in closures


def status_on(employee: Employee, day: date) -> EmploymentStatus | None:
    """Return whether somebody works at the firm on a day; None before the first hiring."""
    in_force = [entry.status for entry in employee.employment if entry.effective_from <= day]
    return in_force[-1] if in_force else None


def licensed(employee: Employee, product: InstrumentType, day: date) -> bool:
    """Tell whether somebody may trade a product on a day."""
    return any(
        licence.product is product and licence.valid_from <= day <= (licence.valid_to or date.max)
        for licence in employee.licences
    )
