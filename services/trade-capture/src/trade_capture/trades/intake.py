"""Taking statements in: what each does to its execution, and what there is to write and to tell afterwards.

No I/O: `capture` loads what an intake needs before, and writes what it gathered after.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import datetime
from typing import Any

from backoffice_events.cloudevents import Received
from backoffice_events.contracts.trading import TradeAmended, TradeCancelled, TradeCaptured, TradeEvent
from backoffice_events.ids import new_id
from trade_capture.repair.domain import Origin, RepairAction, RepairEntry, RepairStatus, RepairStep
from trade_capture.trades.domain import (
    Change,
    Enricher,
    Execution,
    ExecutionKey,
    Faults,
    Malformed,
    Refused,
    Resent,
    Statement,
    Taken,
    Verdict,
    Waiting,
    key_of,
)
from trade_capture.trades.submission import Outcome, Result, Submission, Tracked, is_conflict, read_entry

PLATFORM = "trade-capture"


@dataclass(slots=True)
class Intake:
    """One batch of statements and what they led to."""

    enricher: Enricher
    now: datetime
    tracked: dict[ExecutionKey, Tracked]
    events: list[tuple[TradeEvent, Received[Any] | None]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    resends: list[dict[str, Any]] = field(default_factory=list)
    new_entries: dict[str, RepairEntry] = field(default_factory=dict)
    changed_entries: dict[str, RepairEntry] = field(default_factory=dict)
    steps: list[RepairStep] = field(default_factory=list)

    def submit(self, submission: Submission) -> Outcome:
        """Take a statement in, put it in the repair queue, or recognise that it came before."""
        key = key_of(submission.statement)
        tracked = self.tracked[key]
        version = submission.statement.version
        queued = _queued(tracked.entries, submission)
        verdict = Resent() if queued else tracked.execution.judge(submission.statement, self.enricher)
        match verdict:
            case Taken():
                self._taken(tracked, verdict, submission, repair_id=None)
                self._retry_waiting(key)
                return Outcome(Result(verdict.change), verdict.trade)
            case Resent():
                self.resends.append(self._resend_row(key, version, submission.origin))
                repair_id = queued.repair_id if queued else None
                return Outcome(Result.RESENT, tracked.execution.trade, repair_id)
            case Waiting() | Refused():
                return self._queue(key, tracked, submission, verdict)

    def resubmit(
        self, entry: RepairEntry, *, actor: str, payload: bytes | None = None, comment: str | None = None
    ) -> Outcome:
        """Judge a queued statement again, as it was or edited. payload: the edited statement."""
        outcome = self._judge_again(entry, RepairAction.RESUBMITTED, actor, payload, comment)
        if outcome.trade is not None:
            self._retry_waiting(entry.key)
        return outcome

    def reject(self, entry: RepairEntry, *, actor: str, reason: str) -> None:
        """Close an entry for good. What waited for its version waits no longer."""
        step = (RepairAction.REJECTED, RepairStatus.REJECTED, entry.reasons)
        self._stepped(entry, *step, actor=actor, comment=reason)
        execution = self.tracked[entry.key].execution
        if entry.source_version is not None and not is_conflict(entry.reasons):
            execution.stated.pop(entry.source_version, None)
            execution.rejected.add(entry.source_version)
        self._retry_waiting(entry.key)

    def _retry_waiting(self, key: ExecutionKey) -> None:
        tracked = self.tracked[key]
        while tracked.entries:
            following = tracked.execution.next_version()
            waiting = next(
                (
                    entry
                    for entry in tracked.entries
                    if entry.status is RepairStatus.WAITING and entry.source_version == following
                ),
                None,
            )
            if waiting is None:
                return
            self._judge_again(waiting, RepairAction.RETRIED, PLATFORM)

    def _judge_again(
        self,
        entry: RepairEntry,
        action: RepairAction,
        actor: str,
        payload: bytes | None = None,
        comment: str | None = None,
    ) -> Outcome:
        tracked = self.tracked[entry.key]
        current = payload or entry.current
        statement = read_entry(entry, current)
        verdict = _judge_apart(tracked.execution, entry, statement, self.enricher)
        edited = replaced(entry, current=current, source_version=statement.version)
        if isinstance(verdict, Taken):
            submission = Submission(statement, entry.event_type, current, entry.origin)
            by_person = action is RepairAction.RESUBMITTED
            self._taken(tracked, verdict, submission, repair_id=entry.repair_id, repaired=by_person)
            resolved = replaced(edited, trade_id=verdict.trade.trade_id)
            step = (action, RepairStatus.RESOLVED, ())
            self._stepped(resolved, *step, actor=actor, comment=comment, payload=payload)
            return Outcome(Result(verdict.change), verdict.trade, entry.repair_id)
        if isinstance(verdict, Resent):
            step = (action, RepairStatus.RESOLVED, ())
            self._stepped(edited, *step, actor=actor, comment=comment, payload=payload)
            return Outcome(Result.RESENT, tracked.execution.trade, entry.repair_id)
        status, reasons = _standing(verdict)
        self._stepped(edited, action, status, reasons, actor=actor, comment=comment, payload=payload)
        return Outcome(_result(status, reasons), None, entry.repair_id, reasons)

    def _taken(
        self,
        tracked: Tracked,
        taken: Taken,
        submission: Submission,
        *,
        repair_id: str | None,
        repaired: bool = False,
    ) -> None:
        tracked.advanced = True
        # Who rejected a version acted too: what follows it, or takes its place, could not have been taken in before.
        tracked.repaired = tracked.repaired or repaired or bool(tracked.execution.rejected)
        self.versions.append(self._version_row(taken, submission, repair_id))
        event = _event(taken)
        if event is not None:
            tracked.changed = True
            tracked.cause = submission.cause
            self.events.append((event, submission.cause))

    def _queue(
        self, key: ExecutionKey, tracked: Tracked, submission: Submission, verdict: Waiting | Refused
    ) -> Outcome:
        status, reasons = _standing(verdict)
        entry = RepairEntry(
            repair_id=new_id(),
            key=key,
            source_version=submission.statement.version,
            event_type=submission.event_type,
            status=status,
            reasons=reasons,
            original=submission.payload,
            current=submission.payload,
            origin=submission.origin,
            received_at=self.now,
        )
        tracked.entries.append(entry)
        self.new_entries[entry.repair_id] = entry
        actor = submission.origin.submitted_by or PLATFORM
        self.steps.append(RepairStep(entry.repair_id, 1, RepairAction.RECEIVED, status, actor, reasons))
        return Outcome(_result(status, reasons), None, entry.repair_id, reasons)

    def _stepped(
        self,
        entry: RepairEntry,
        action: RepairAction,
        status: RepairStatus,
        reasons: Faults,
        *,
        actor: str,
        comment: str | None = None,
        payload: bytes | None = None,
    ) -> None:
        after = replaced(entry, status=status, reasons=reasons, version=entry.version + 1)
        entries = self.tracked[entry.key].entries
        entries[:] = [after if each.repair_id == entry.repair_id else each for each in entries]
        target = self.new_entries if entry.repair_id in self.new_entries else self.changed_entries
        target[entry.repair_id] = after
        step = RepairStep(entry.repair_id, after.version, action, status, actor, reasons, comment, payload)
        self.steps.append(step)

    def _version_row(self, taken: Taken, submission: Submission, repair_id: str | None) -> dict[str, Any]:
        return {
            "trade_id": taken.trade.trade_id,
            "source_version": submission.statement.version,
            "version": taken.trade.version,
            "change": taken.change,
            "reason": taken.reason,
            "event_type": submission.event_type,
            "statement": submission.statement,
            "state": taken.trade,
            "repair_id": repair_id,
            "recorded_at": self.now,
            **submission.origin.columns(),
        }

    def _resend_row(self, key: ExecutionKey, version: int | None, origin: Origin) -> dict[str, Any]:
        return {
            "resend_id": new_id(),
            "source_system": key.source_system,
            "trade_reference": key.trade_reference,
            "source_version": version,
            "received_at": self.now,
            **origin.columns(),
        }


def _judge_apart(
    execution: Execution, entry: RepairEntry, statement: Statement | Malformed, enricher: Enricher
) -> Verdict:
    """Judge a queued statement without taking it for a resend of itself."""
    if is_conflict(entry.reasons):
        return execution.judge(statement, enricher)
    stated = execution.stated.pop(entry.source_version, None)
    verdict = execution.judge(statement, enricher)
    if stated is not None and statement.version == entry.source_version and not isinstance(verdict, Taken):
        execution.stated[entry.source_version] = stated
    return verdict


def _queued(entries: Iterable[RepairEntry], submission: Submission) -> RepairEntry | None:
    """Return the entry that holds this very message; what kind of statement it is stands beside its payload."""
    message = (submission.statement.version, submission.event_type, submission.payload)
    same = (entry for entry in entries if (entry.source_version, entry.event_type, entry.original) == message)
    return next(same, None)


def _standing(verdict: Waiting | Refused) -> tuple[RepairStatus, Faults]:
    waits = isinstance(verdict, Waiting)
    return RepairStatus.WAITING if waits else RepairStatus.OPEN, verdict.reasons


def _result(status: RepairStatus, reasons: Faults) -> Result:
    if status is RepairStatus.WAITING:
        return Result.WAITING
    return Result.CONFLICT if is_conflict(reasons) else Result.IN_REPAIR


def _event(taken: Taken) -> TradeEvent | None:
    match taken.change:
        case Change.CAPTURED:
            return TradeCaptured(trade=taken.trade)
        case Change.AMENDED:
            return TradeAmended(trade=taken.trade)
        case Change.CANCELLED:
            return TradeCancelled(trade=taken.trade, reason=taken.reason or "")
        case Change.UNCHANGED:
            return None
