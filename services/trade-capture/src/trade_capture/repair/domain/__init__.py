"""What an entry of the repair queue is, and how its message is read: pure, without I/O."""

from trade_capture.repair.domain.entry import (
    Origin,
    RepairAction,
    RepairEntry,
    RepairStatus,
    RepairStep,
)
from trade_capture.repair.domain.measure import Measured, business_date, measured
from trade_capture.repair.domain.payload import (
    IDENTITY,
    STATEMENTS,
    UnidentifiableError,
    as_json,
    edited,
    legible,
    read,
    read_rest,
    stated_book,
    statement_type,
    states_version,
)

__all__ = [
    "IDENTITY",
    "STATEMENTS",
    "Measured",
    "Origin",
    "RepairAction",
    "RepairEntry",
    "RepairStatus",
    "RepairStep",
    "UnidentifiableError",
    "as_json",
    "business_date",
    "edited",
    "legible",
    "measured",
    "read",
    "read_rest",
    "stated_book",
    "statement_type",
    "states_version",
]
