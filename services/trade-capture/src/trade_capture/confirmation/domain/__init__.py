"""When two sides of a trade agree: pure, without I/O."""

from trade_capture.confirmation.domain.matching import (
    UNCONFIRMED,
    Acceptance,
    Confirmation,
    ConfirmationStatus,
    OurSide,
    Outcome,
    candidates,
    match,
)
from trade_capture.confirmation.domain.tolerance import (
    DatedTolerance,
    Tolerance,
    TolerancedField,
    ToleranceProfiles,
    ToleranceRule,
)

__all__ = [
    "UNCONFIRMED",
    "Acceptance",
    "Confirmation",
    "ConfirmationStatus",
    "DatedTolerance",
    "OurSide",
    "Outcome",
    "Tolerance",
    "ToleranceProfiles",
    "ToleranceRule",
    "TolerancedField",
    "candidates",
    "match",
]
