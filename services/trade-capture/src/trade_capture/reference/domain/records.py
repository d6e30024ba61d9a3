"""The kinds of reference data. A record is the state its event publishes: one type says both."""

from typing import TypeVar

from backoffice_events.contracts.reference import (
    BookChanged as Book,
)
from backoffice_events.contracts.reference import (
    CalendarChanged as Calendar,
)
from backoffice_events.contracts.reference import (
    CounterpartyChanged as Counterparty,
)
from backoffice_events.contracts.reference import (
    InstrumentChanged as Instrument,
)
from backoffice_events.contracts.reference import (
    SettlementCycleChanged as SettlementCycle,
)
from backoffice_events.contracts.reference import (
    SettlementInstructionChanged as SettlementInstruction,
)

Record = TypeVar("Record", Book, Calendar, Counterparty, Instrument, SettlementCycle, SettlementInstruction)

__all__ = [
    "Book",
    "Calendar",
    "Counterparty",
    "Instrument",
    "Record",
    "SettlementCycle",
    "SettlementInstruction",
]
