"""What reference data is and what it decides: pure, without I/O."""

from trade_capture.reference.domain.business_day import (
    BusinessDay,
    BusinessDayRefusedError,
    BusinessDayStatus,
)
from trade_capture.reference.domain.calendars import DateOutsideCalendarError, SettlementCalendar
from trade_capture.reference.domain.faults import Fault
from trade_capture.reference.domain.records import (
    Book,
    Calendar,
    Counterparty,
    Instrument,
    SettlementCycle,
    SettlementInstruction,
)
from trade_capture.reference.domain.reference_data import NoSettlementCycleError, ReferenceData

__all__ = [
    "Book",
    "BusinessDay",
    "BusinessDayRefusedError",
    "BusinessDayStatus",
    "Calendar",
    "Counterparty",
    "DateOutsideCalendarError",
    "Fault",
    "Instrument",
    "NoSettlementCycleError",
    "ReferenceData",
    "SettlementCalendar",
    "SettlementCycle",
    "SettlementInstruction",
]
