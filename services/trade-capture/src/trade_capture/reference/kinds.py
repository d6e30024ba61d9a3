"""The six kinds of reference data that are loaded, each described once: record, key, tables, checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from trade_capture.reference import tables
from trade_capture.reference.domain import (
    Book,
    Calendar,
    Counterparty,
    Fault,
    Instrument,
    SettlementCycle,
    SettlementInstruction,
    checks,
)


@dataclass(frozen=True)
class Kind:
    """A kind of reference data. name: as in its path and topic. record: its type, which is also its event."""

    name: str
    record: Any
    current: Table
    versions: Table
    faults: Callable[[Any], list[Fault]]

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Return the fields that name a record."""
        fields: tuple[str, ...] = self.record.key_fields
        return fields

    def key(self, record: Any) -> tuple[Any, ...]:
        """Return the values that name a record."""
        return tuple(getattr(record, field) for field in self.key_fields)


INSTRUMENTS = Kind(
    "instruments", Instrument, tables.instrument, tables.instrument_version, checks.instrument_faults
)
COUNTERPARTIES = Kind(
    "counterparties",
    Counterparty,
    tables.counterparty,
    tables.counterparty_version,
    checks.counterparty_faults,
)
BOOKS = Kind("books", Book, tables.book, tables.book_version, checks.book_faults)
SETTLEMENT_INSTRUCTIONS = Kind(
    "settlement-instructions",
    SettlementInstruction,
    tables.settlement_instruction,
    tables.settlement_instruction_version,
    checks.settlement_instruction_faults,
)
SETTLEMENT_CYCLES = Kind(
    "settlement-cycles",
    SettlementCycle,
    tables.settlement_cycle,
    tables.settlement_cycle_version,
    checks.settlement_cycle_faults,
)
CALENDARS = Kind("calendars", Calendar, tables.calendar, tables.calendar_version, checks.calendar_faults)
