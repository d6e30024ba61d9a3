"""What a trade is and how it comes to be: pure, without I/O."""

from trade_capture.trades.domain.enrichment import Enricher, Faults
from trade_capture.trades.domain.execution import (
    Change,
    Execution,
    ExecutionKey,
    Malformed,
    Refused,
    Resent,
    Statement,
    Taken,
    Verdict,
    Waiting,
    key_of,
    name_fault,
    version_fault,
)
from trade_capture.trades.domain.reasons import Reason, ReasonCode, plain, shown
from trade_capture.trades.domain.terms import Legible

__all__ = [
    "Change",
    "Enricher",
    "Execution",
    "ExecutionKey",
    "Faults",
    "Legible",
    "Malformed",
    "Reason",
    "ReasonCode",
    "Refused",
    "Resent",
    "Statement",
    "Taken",
    "Verdict",
    "Waiting",
    "key_of",
    "name_fault",
    "plain",
    "shown",
    "version_fault",
]
