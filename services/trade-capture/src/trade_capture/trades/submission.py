"""Statements on their way in, what became of each, and the executions they are about."""

from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from backoffice_events.cloudevents import Received
from backoffice_events.contracts.trading import Trade
from trade_capture.repair.domain import Origin, RepairEntry, RepairStatus, read, statement_type
from trade_capture.trades.domain import Execution, Faults, Malformed, ReasonCode, Statement


class Submission(Struct, frozen=True):
    """A statement as it came in. payload: its bytes. cause: the event, when it came as one."""

    statement: Statement | Malformed
    event_type: str
    payload: bytes
    origin: Origin
    cause: Received[Any] | None = None


class Result(StrEnum):
    """What became of a statement. CONFLICT: refused, another content has its version; it is in the repair queue too."""

    CAPTURED = "CAPTURED"
    AMENDED = "AMENDED"
    CANCELLED = "CANCELLED"
    UNCHANGED = "UNCHANGED"
    RESENT = "RESENT"
    WAITING = "WAITING"
    IN_REPAIR = "IN_REPAIR"
    CONFLICT = "CONFLICT"


class Outcome(Struct, frozen=True):
    """What became of a statement. trade: the one it led to. repair_id, reasons: where and why it waits for repair."""

    result: Result
    trade: Trade | None = None
    repair_id: str | None = None
    reasons: Faults = ()


class Tracked(Struct):
    """An execution of this batch.

    entries: its whole repair queue. new: its trade was not captured before. repaired: a person had to act first.
    advanced: a version was taken in; changed: the trade's terms are new by it, and cause is the event it came as.
    """

    execution: Execution
    entries: list[RepairEntry] = field(default_factory=list)
    new: bool = True
    repaired: bool = False
    changed: bool = False
    advanced: bool = False
    cause: Received[Any] | None = None


def read_entry(entry: RepairEntry, payload: bytes) -> Statement | Malformed:
    """Return what a queued message says. Raises UnidentifiableError, as no message in the queue does."""
    contract = statement_type(entry.event_type)
    if contract is None:
        raise TypeError(f"repair entry {entry.repair_id} holds {entry.event_type}, which is no statement")
    return read(contract, payload)


def remember(tracked: Tracked, entry: RepairEntry) -> None:
    """Let an execution know that its repair queue uses a version, or that it was rejected."""
    execution = tracked.execution
    tracked.entries.append(entry)
    if is_conflict(entry.reasons):
        return
    if not entry.status.finished:
        execution.stated[entry.source_version] = _content(entry)
    elif entry.status is RepairStatus.REJECTED and entry.source_version is not None:
        execution.rejected.add(entry.source_version)
    execution.rejected -= execution.stated.keys()


def _content(entry: RepairEntry) -> Statement | bytes:
    statement = read_entry(entry, entry.original)
    return entry.original if isinstance(statement, Malformed) else statement


def is_conflict(reasons: Faults) -> bool:
    """Tell whether another content had the version first: then the version is not this entry's."""
    return any(reason.code is ReasonCode.CONFLICTING_RESEND for reason in reasons)
