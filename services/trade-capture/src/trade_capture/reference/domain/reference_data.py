"""Everything known at one moment, for deciding about a batch of trades without asking a database again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture.reference.domain.business_day import BusinessDay, BusinessDayStatus
from trade_capture.reference.domain.calendars import SettlementCalendar
from trade_capture.reference.domain.records import (
    Book,
    Counterparty,
    Instrument,
    SettlementCycle,
    SettlementInstruction,
)


class NoSettlementCycleError(LookupError):
    """No cycle, or no calendar for it, is on record for a market, instrument type and trade date."""


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """A consistent view of the reference data. Look-ups return None for what is not on record.

    settlement_cycles: by rising effective date. settlement_instructions: all versions, rising.
    """

    instruments: Mapping[tuple[str, str], Instrument] = field(default_factory=dict)
    counterparties: Mapping[str, Counterparty] = field(default_factory=dict)
    books: Mapping[str, Book] = field(default_factory=dict)
    settlement_instructions: Mapping[tuple[str, str, str], Sequence[SettlementInstruction]] = field(
        default_factory=dict
    )
    settlement_cycles: Mapping[tuple[str, InstrumentType], Sequence[SettlementCycle]] = field(
        default_factory=dict
    )
    calendars: Mapping[str, SettlementCalendar] = field(default_factory=dict)
    business_days: Mapping[str, BusinessDay] = field(default_factory=dict)
    employees: frozenset[str] = frozenset()

    def instrument(self, isin: str, mic: str) -> Instrument | None:
        """Return the instrument as listed on the market, active or not."""
        return self.instruments.get((isin, mic))

    def lists(self, isin: str) -> bool:
        """Tell whether an instrument is on record on any market; looks at every listing, so not for each trade."""
        return any(isin == listed for listed, _ in self.instruments)

    def counterparty(self, lei: str) -> Counterparty | None:
        """Return the counterparty, active or not."""
        return self.counterparties.get(lei)

    def book(self, book: str) -> Book | None:
        """Return the book, active or not."""
        return self.books.get(book)

    def settlement_instruction(
        self, party: str, place_of_settlement: str, currency: str, on: date
    ) -> SettlementInstruction | None:
        """Return the instruction in force on a date: the latest version effective by then, if active."""
        versions = self.settlement_instructions.get((party, place_of_settlement, currency), ())
        in_force = next((ssi for ssi in reversed(versions) if ssi.effective_from <= on), None)
        return in_force if in_force is not None and in_force.active else None

    def settlement_cycle(
        self, mic: str, instrument_type: InstrumentType, trade_date: date
    ) -> SettlementCycle | None:
        """Return the cycle by which trades of that date settle on the market."""
        cycles = self.settlement_cycles.get((mic, instrument_type), ())
        return next((cycle for cycle in reversed(cycles) if cycle.effective_from <= trade_date), None)

    def calendars_of(self, mic: str) -> set[str]:
        """Return the calendars of a market's latest cycles, of all types; looks at every market's cycles."""
        return {
            cycles[-1].settlement_calendar
            for (market, _), cycles in self.settlement_cycles.items()
            if market == mic and cycles
        }

    def settlement_date(self, mic: str, instrument_type: InstrumentType, trade_date: date) -> date:
        """Return the day on which a trade settles.

        Raises NoSettlementCycleError, DateOutsideCalendarError.
        """
        cycle = self.settlement_cycle(mic, instrument_type, trade_date)
        if cycle is None:
            raise NoSettlementCycleError(
                f"no settlement cycle on record for {instrument_type} on {mic}, traded {trade_date}: load one"
            )
        return self._calendar(cycle.settlement_calendar).settlement_date(trade_date, cycle.days)

    def is_settlement_day(self, calendar: str, day: date) -> bool:
        """Tell whether `day` is a settlement day. Raises NoSettlementCycleError, DateOutsideCalendarError."""
        return self._calendar(calendar).is_settlement_day(day)

    def business_date(self, calendar: str) -> date | None:
        """Return the firm's open day on the calendar; None while none is open."""
        day = self.business_days.get(calendar)
        return day.business_date if day is not None and day.status is BusinessDayStatus.OPEN else None

    def employee_known(self, employee_id: str) -> bool:
        """Tell whether HR ever hired that person; whether they may trade today is for compliance to say."""
        return employee_id in self.employees

    def _calendar(self, code: str) -> SettlementCalendar:
        calendar = self.calendars.get(code)
        if calendar is None:
            raise NoSettlementCycleError(f"no settlement calendar {code} on record: load it")
        return calendar
