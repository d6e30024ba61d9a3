"""Carries out what people decide on a case; the trade goes on or stops accordingly."""

from collections.abc import Callable
from dataclasses import dataclass

from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork
from compliance.cases import domain, repository
from compliance.cases.domain import Case, CaseError, CaseStatus, Resolution, Step
from compliance.checks import repository as checks
from compliance.checks.announcements import announcement
from compliance.checks.assessment import Decision, TradeState
from compliance.checks.domain import Status

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


async def propose(
    unit: UnitOfWork, case_id: str, resolution: Resolution, actor: str, reason: str
) -> Taken | None:
    """Propose what is to become of the trade."""

    def change(case: Case) -> Case:
        return domain.propose(case, resolution, actor)

    action = f"{resolution}_PROPOSED"
    return await step(unit, case_id, change, action=action, actor=actor, reason=reason)


async def approve(
    unit: UnitOfWork, case_id: str, resolution: Resolution, actor: str, reason: str
) -> Taken | None:
    """Approve what somebody else proposed: the trade is released or blocked with this."""

    def change(case: Case) -> Case:
        return domain.approve(case, resolution, actor)

    action = f"{resolution}_APPROVED"
    return await step(unit, case_id, change, action=action, actor=actor, reason=reason)


async def reject(unit: UnitOfWork, case_id: str, actor: str, reason: str) -> Taken | None:
    """Refuse what somebody else proposed."""
    return await step(
        unit, case_id, lambda case: domain.reject(case, actor), action="REJECTED", actor=actor, reason=reason
    )


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
