"""Carries out what people decide on a case; the trade goes on or stops accordingly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Text, cast, select

from backoffice_chassis import Approval, ApprovalKind, Scope, conflict, not_found
from backoffice_chassis.approvals.tables import approval
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork
from compliance.cases import domain, repository
from compliance.cases.domain import Case, CaseError, CaseStatus, Resolution, Step
from compliance.cases.tables import compliance_case
from compliance.checks import repository as checks
from compliance.checks.announcements import announcement
from compliance.checks.assessment import Decision, TradeState
from compliance.checks.domain import Status
from compliance.permissions import WORK_CASES

Change = Callable[[Case], Case]


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: the case before and after it."""

    before: Case
    after: Case
    step: Step


async def step(
    unit: UnitOfWork, case_id: str, change: Change, *, action: str, actor: str, reason: str | None
) -> Taken | None:
    """Change a case by one step of its history. None: there is no such case. Raises CaseError."""
    case, state = await locked(unit, case_id)
    if case is None or state is None:
        return None
    changed = change(case)
    done = Step(
        case_id=case_id, sequence=changed.version, action=action, actor=actor, at=unit.now, reason=reason
    )
    await repository.save(unit.connection, changed, done)
    if changed.status in {CaseStatus.RELEASED, CaseStatus.BLOCKED}:
        await _carry_out(unit, changed, state)
    return Taken(case, changed, done)


async def locked(unit: UnitOfWork, case_id: str) -> tuple[Case | None, TradeState | None]:
    """Return a case and its trade's state, which nobody else changes until the transaction ends.

    The trade's row is locked first, as the consumer does: then neither waits for the other for ever.
    """
    seen = await repository.find(unit.connection, case_id)
    if seen is None:
        return None, None
    states = await checks.states(unit.connection, [seen.trade_id])
    return await repository.find(unit.connection, case_id, lock=True), states[seen.trade_id]


async def assign(unit: UnitOfWork, case_id: str, to: str | None, actor: str) -> Taken | None:
    """Give a case to somebody, or back to the queue."""
    return await step(
        unit, case_id, lambda case: domain.assign(case, to), action="ASSIGNED", actor=actor, reason=to
    )


async def require_open(unit: UnitOfWork, case_id: str) -> Case | None:
    """Return a case on which something may be proposed, locked. None: there is no such case. Raises CaseError."""
    case, _ = await locked(unit, case_id)
    if case is not None:
        domain.require_open(case)
    return case


async def put_into_force(unit: UnitOfWork, approval: Approval) -> Any:
    """Release or block a trade, as approved. Raises 409 when the case was closed since it was proposed."""
    terms = msgspec.convert(approval.terms, Terms)
    proposed_by, by = approval.proposed_by, approval.decided_by or ""

    def change(case: Case) -> Case:
        return domain.resolve(case, terms.resolution, proposed_by, by)

    action = f"{terms.resolution}_APPROVED"
    try:
        taken = await step(unit, terms.case_id, change, action=action, actor=by, reason=approval.reason)
    except CaseError as refused:
        raise conflict(refused.code, f"{refused}.") from refused
    if taken is None:
        raise not_found("case", terms.case_id)
    return {"case_id": terms.case_id, "status": taken.after.status}


class Terms(msgspec.Struct, frozen=True):
    """What is proposed for a case."""

    case_id: str
    resolution: Resolution


def _within(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that an approval is about a case in scope."""
    return approval.c.object_id.in_(
        select(cast(compliance_case.c.case_id, Text)).where(repository.in_scope(scope))
    )


RESOLUTIONS = ApprovalKind("case-resolution", WORK_CASES, timedelta(days=7), put_into_force, _within)


async def _carry_out(unit: UnitOfWork, case: Case, state: TradeState) -> None:
    if state.case_id != case.case_id or state.cancelled:
        raise CaseError("case-superseded", "the trade has moved on: nothing is left to decide here")
    status = Status.CLEARED if case.status is CaseStatus.RELEASED else Status.BLOCKED
    decision = Decision(
        decision_id=new_id(),
        trade_id=state.trade_id,
        trade_version=state.version,
        decision_version=state.decision_version + 1,
        status=status,
        reasons=case.reasons,
        findings=(),
        inputs=None,
        rules_version=0,
        decided_at=unit.now,
        decided_by=case.decided_by,
        case_id=case.case_id,
    )
    state.status, state.case_id = status, None
    state.decision_id, state.decision_version = decision.decision_id, decision.decision_version
    await checks.save_decisions(unit.connection, [decision])
    await checks.save_states(unit.connection, [state])
    unit.publish(announcement(decision))
