"""An entry of the repair queue and its life: it waits for somebody, or for its predecessor, and ends once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from trade_capture.trades.domain import ExecutionKey, Reason


class RepairStatus(StrEnum):
    """OPEN waits for a person, WAITING for an earlier version. RESOLVED was taken in, REJECTED never will be."""

    OPEN = "OPEN"
    WAITING = "WAITING"
    RESOLVED = "RESOLVED"
    REJECTED = "REJECTED"

    @property
    def finished(self) -> bool:
        """Tell whether nothing more can happen to the entry."""
        return self in (RepairStatus.RESOLVED, RepairStatus.REJECTED)


class RepairAction(StrEnum):
    """A step in an entry's history. RETRIED: by the platform, when the predecessor was taken in or rejected."""

    RECEIVED = "RECEIVED"
    RESUBMITTED = "RESUBMITTED"
    RETRIED = "RETRIED"
    REJECTED = "REJECTED"


class Origin(Struct, frozen=True):
    """Where a statement came from: a record on Kafka, or whoever submitted it by API."""

    topic: str | None = None
    partition: int | None = None
    record_offset: int | None = None
    event_id: str | None = None
    submitted_by: str | None = None

    def columns(self) -> dict[str, str | int | None]:
        """Return the columns that tables record it in."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "record_offset": self.record_offset,
            "event_id": self.event_id,
            "submitted_by": self.submitted_by,
        }


@dataclass(frozen=True, slots=True)
class RepairEntry:
    """One statement that could not be taken in.

    source_version: None when the message states none. original: the bytes as they came; current: as last edited.
    version: one more with each step. trade_id: the trade it became, once resolved.
    """

    repair_id: str
    key: ExecutionKey
    source_version: int | None
    event_type: str
    status: RepairStatus
    reasons: tuple[Reason, ...]
    original: bytes
    current: bytes
    origin: Origin
    received_at: datetime
    version: int = 1
    trade_id: str | None = None


@dataclass(frozen=True, slots=True)
class RepairStep:
    """What was done to an entry, by whom, and how it stood after. payload: the edited statement, if it was edited."""

    repair_id: str
    step: int
    action: RepairAction
    status: RepairStatus
    actor: str
    reasons: tuple[Reason, ...]
    comment: str | None = None
    payload: bytes | None = None
