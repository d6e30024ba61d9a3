"""The work queue of held trades over HTTP."""

from collections.abc import Awaitable
from typing import Annotated

import msgspec
from fastapi import Depends, Query, Response
from sqlalchemy import select

from backoffice_chassis import (
    Audit,
    IfMatch,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    check_version,
    conflict,
    etag,
    fetch_page,
    not_found,
    scoped,
)
from backoffice_chassis.approvals import store
from backoffice_chassis.approvals.schemas import ApprovalView
from backoffice_chassis.http.vocabulary import Id, ShortText
from backoffice_events.messaging import UnitOfWork
from compliance.cases import resolution
from compliance.cases.domain import CaseError, CaseStatus
from compliance.cases.repository import in_scope
from compliance.cases.resolution import Taken
from compliance.cases.schemas import Assignment, CaseStory, CaseView, Proposal, StepView
from compliance.cases.tables import case_step, compliance_case
from compliance.checks.domain import Check
from compliance.permissions import READ_CASES, WORK_CASES

router = Router(prefix="/cases", tags=["cases"])

Officer = Annotated[Principal, scoped(WORK_CASES)]
Reader = Annotated[Principal, scoped(READ_CASES)]
Recorder = Annotated[Audit, audits("case")]


@router.get("")
async def list_cases(
    unit: Unit,
    paging: Paging,
    principal: Reader,
    *,
    status: Annotated[list[CaseStatus] | None, Query(description="One or more; default: all.")] = None,
    assigned_to: Annotated[ShortText | None, Query(description="Subject of the assignee.")] = None,
    reason: Annotated[Check | None, Query(description="Held by this check.")] = None,
    trade_id: Annotated[Id | None, Query()] = None,
) -> Page[CaseView]:
    """List cases, the oldest first."""
    query = select(compliance_case).where(in_scope(principal.scope))
    if status:
        query = query.where(compliance_case.c.status.in_(status))
    if assigned_to is not None:
        query = query.where(compliance_case.c.assigned_to == assigned_to)
    if reason is not None:
        query = query.where(compliance_case.c.reasons.contains([reason.value]))
    if trade_id is not None:
        query = query.where(compliance_case.c.trade_id == trade_id)
    rows, cursor = await fetch_page(unit.connection, query, (compliance_case.c.case_id,), paging)
    return Page(items=[CaseView.model_validate(row._mapping) for row in rows], next_cursor=cursor)


@router.get("/{case_id}")
async def get_case(case_id: Id, unit: Unit, principal: Reader, response: Response) -> CaseStory:
    """Show a case with its history."""
    await _require_in_scope(case_id, unit, principal)
    return await _story(unit, case_id, response)


async def _current(case_id: Id, unit: Unit, principal: Officer, expected: IfMatch) -> str:
    """Make sure that the case is in scope and, when the caller said which they read, that one, and stays so."""
    await _require_in_scope(case_id, unit, principal)
    if expected is not None:
        case, _ = await resolution.locked(unit, case_id)
        if case is not None:
            check_version(expected, case.version)
    return case_id


Current = Annotated[str, Depends(_current)]


@router.post("/{case_id}/assign")
async def assign(
    *, case_id: Current, to: Assignment, unit: Unit, principal: Officer, audit: Recorder, response: Response
) -> CaseStory:
    """Give a case to somebody, or back to the queue."""
    await _done(audit, unit, case_id, resolution.assign(unit, case_id, to.assignee, principal.subject))
    return await _story(unit, case_id, response)


@router.post("/{case_id}/propose", status_code=201)
async def propose(
    *, case_id: Current, proposal: Proposal, unit: Unit, principal: Officer, audit: Recorder
) -> ApprovalView:
    """Propose that the trade may go on, or must not settle; another officer approves (`/approvals`)."""
    try:
        case = await resolution.require_open(unit, case_id)
    except CaseError as refused:
        raise conflict(refused.code, f"{refused}.") from refused
    if case is None:
        raise not_found("case", case_id)
    terms = {"case_id": case_id, "resolution": proposal.resolution}
    [made] = await store.propose(
        unit, resolution.RESOLUTIONS, [(case_id, terms)], by=principal.subject, reason=proposal.reason
    )
    await audit.record(unit, case_id, before=case, after=made)
    return ApprovalView.model_validate(made)


async def _require_in_scope(case_id: str, unit: UnitOfWork, principal: Principal) -> None:
    """Raise 404 unless there is such a case in the caller's scope."""
    query = select(compliance_case.c.case_id).where(
        compliance_case.c.case_id == case_id, in_scope(principal.scope)
    )
    if (await unit.connection.execute(query)).one_or_none() is None:
        raise not_found("case", case_id)


async def _done(audit: Audit, unit: UnitOfWork, case_id: str, step: Awaitable[Taken | None]) -> None:
    try:
        taken = await step
    except CaseError as refused:
        raise conflict(refused.code, f"{refused}.") from refused
    if taken is None:
        raise not_found("case", case_id)
    after = {**msgspec.structs.asdict(taken.after), "reason": taken.step.reason}
    await audit.record(unit, case_id, before=taken.before, after=after)


async def _story(unit: UnitOfWork, case_id: str, response: Response) -> CaseStory:
    query = select(compliance_case).where(compliance_case.c.case_id == case_id)
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("case", case_id)
    steps = await unit.connection.execute(
        select(case_step).where(case_step.c.case_id == case_id).order_by(case_step.c.sequence)
    )
    response.headers["ETag"] = etag(row.version)
    views = [StepView.model_validate(step._mapping) for step in steps]
    return CaseStory.model_validate({**row._mapping, "steps": views})
