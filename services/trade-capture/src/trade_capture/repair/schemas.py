"""The repair queue as it is shown and worked over HTTP."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backoffice_chassis.http.vocabulary import Amount, Reason
from backoffice_chassis.http.vocabulary import ShortText as Text
from trade_capture.repair.domain import RepairStatus
from trade_capture.trades.domain import ReasonCode

MOST_AT_ONCE = 1_000


class ReasonOut(BaseModel):
    """One thing that is wrong."""

    code: str
    field: str
    message: str


class RepairOut(BaseModel):
    """An entry of the queue. topic … event_id or submitted_by: where it came from. value: its gross amount."""

    model_config = ConfigDict(from_attributes=True)

    repair_id: str
    source_system: str
    trade_reference: str
    source_version: int | None
    event_type: str
    status: RepairStatus
    reasons: list[ReasonOut]
    trade_date: date | None
    currency: str | None
    value: Amount | None
    trade_id: str | None
    version: int
    received_at: datetime
    updated_at: datetime
    topic: str | None
    partition: int | None
    record_offset: int | None
    event_id: str | None
    submitted_by: str | None


class StepOut(BaseModel):
    """A step in an entry's history. statement: as edited then, if it was."""

    step: int
    action: str
    status: RepairStatus
    actor: str
    comment: str | None
    statement: Any
    reasons: list[ReasonOut]
    recorded_at: datetime


class RepairDetailOut(BaseModel):
    """An entry with its message and its history. original_base64: the bytes as they came."""

    entry: RepairOut
    original_base64: str
    original: Any = Field(description="As JSON; null when it cannot be read as such")
    statement: Any = Field(description="As it stands now, edits included")
    history: list[StepOut]


class ResubmitIn(BaseModel):
    """What was put right. changes: fields to replace, each in whole; those that name the trade stay as they are."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, Any] = Field(default_factory=dict, max_length=40)
    comment: Reason | None = None


class RejectIn(BaseModel):
    """Why an entry will never be taken in."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class BulkResubmitIn(BaseModel):
    """Which open entries to judge again as they are, the longest untouched first: those with this reason code."""

    model_config = ConfigDict(extra="forbid")

    reason_code: ReasonCode
    source_system: Text | None = None
    comment: Reason | None = None
    limit: int = Field(default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)


class ResubmittedOut(BaseModel):
    """What became of an entry that was judged again."""

    repair_id: str
    result: str
    trade_id: str | None = None
    reasons: list[ReasonOut] = []


class BulkResubmittedOut(BaseModel):
    """What became of the entries. remaining: entries with that reason that are still open."""

    results: dict[str, int]
    remaining: int
    entries: list[ResubmittedOut]
