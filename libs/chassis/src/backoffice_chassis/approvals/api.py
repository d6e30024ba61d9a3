"""/approvals: what waits for a second person, decided on; the same in every service."""

from typing import Annotated, Any

from fastapi import Query, Request
from sqlalchemy import ColumnElement, Select, select

from backoffice_chassis.approvals import domain, store
from backoffice_chassis.approvals.domain import Approval, DecisionRefusedError, Status
from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.approvals.schemas import (
    ApprovalStep,
    ApprovalStory,
    ApprovalsWanted,
    ApprovalView,
    Decision,
    Rejection,
)
from backoffice_chassis.approvals.tables import SEALED_TERMS, approval, approval_step
from backoffice_chassis.audit.trail import Audit, audits
from backoffice_chassis.http.paging import Page, Paging, fetch_page
from backoffice_chassis.http.problems import Problem, conflict, forbidden, not_found
from backoffice_chassis.http.routing import Router, Unit
from backoffice_chassis.http.vocabulary import Id
from backoffice_chassis.resources import resources_of
from backoffice_chassis.security.access import scoped
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_events.messaging import UnitOfWork

USE_APPROVALS = Permission("use-approvals", *(role for role in Role if role is not Role.FRONT_OFFICE))
"""Everybody in the firm; what they see and decide on is a matter of its kind, and of what their token is limited to."""

Somebody = Annotated[Principal, scoped(USE_APPROVALS)]
Recorder = Annotated[Audit, audits("approval")]

router = Router(prefix="/approvals", tags=["approvals"])


@router.get("")
async def list_approvals(
    request: Request,
    unit: Unit,
    paging: Paging,
    principal: Somebody,
    wanted: Annotated[ApprovalsWanted, Query()],
) -> Page[ApprovalView]:
    """List what waits for a second person, or was decided, the oldest first; everybody sees what they may decide on."""
    query = _matching(wanted).where(resources_of(request).approvals.seen_by(principal))
    rows, cursor = await fetch_page(unit.connection, query, (approval.c.approval_id,), paging)
    items = [ApprovalView(**row) for row in await SEALED_TERMS.open(unit.connection, rows)]
    return Page(items=items, next_cursor=cursor)


@router.get("/{approval_id}")
async def get_approval(approval_id: Id, request: Request, unit: Unit, principal: Somebody) -> ApprovalStory:
    """Show an approval with its history."""
    await _require(unit, approval_id, resources_of(request).approvals.seen_by(principal))
    return await _story(unit, approval_id)


@router.post("/{approval_id}/approve")
async def approve(  # noqa: PLR0917  what it takes to decide
    approval_id: Id, why: Decision, request: Request, unit: Unit, principal: Somebody, audit: Recorder
) -> ApprovalStory:
    """Approve what somebody else proposed: it is carried out with this, in one transaction."""
    proposed, kind = await _to_decide(request, unit, approval_id, principal)
    decided = await _decided(proposed, Status.APPROVED, principal, unit)
    await _keep(unit, audit, decided, principal, why.reason)
    outcome = await kind.carry_out(unit, decided)
    return (await _story(unit, approval_id)).model_copy(update={"outcome": outcome})


@router.post("/{approval_id}/reject")
async def reject(  # noqa: PLR0917  what it takes to decide
    approval_id: Id, why: Rejection, request: Request, unit: Unit, principal: Somebody, audit: Recorder
) -> ApprovalStory:
    """Turn down what somebody else proposed."""
    proposed, _ = await _to_decide(request, unit, approval_id, principal)
    decided = await _decided(proposed, Status.REJECTED, principal, unit)
    await _keep(unit, audit, decided, principal, why.reason)
    return await _story(unit, approval_id)


@router.post("/{approval_id}/withdraw")
async def withdraw(  # noqa: PLR0917  what it takes to decide
    approval_id: Id, why: Decision, request: Request, unit: Unit, principal: Somebody, audit: Recorder
) -> ApprovalStory:
    """Take back what you proposed yourself."""
    proposed, _ = await _to_decide(request, unit, approval_id, principal)
    try:
        taken_back = domain.withdraw(proposed, principal.subject, await store.moment(unit))
    except DecisionRefusedError as error:
        raise _refusal(error) from error
    await _keep(unit, audit, taken_back, principal, why.reason)
    return await _story(unit, approval_id)


async def _to_decide(
    request: Request, unit: UnitOfWork, approval_id: str, principal: Principal
) -> tuple[Approval, ApprovalKind]:
    """Return an approval, locked, and its kind. Raises 404, and 403 for who may not decide on its kind."""
    proposed = await store.locked(unit, approval_id)
    kind = resources_of(request).approvals.named(proposed.kind)
    await _require(unit, approval_id, kind.rows(principal.scope))
    if not kind.permission.held_by(principal):
        roles = ", ".join(sorted(kind.permission.roles))
        raise forbidden(f"To {kind.permission.name} needs one of the roles: {roles}.")
    return proposed, kind


async def _require(unit: UnitOfWork, approval_id: str, condition: ColumnElement[bool]) -> None:
    """Raise 404 unless there is an approval that fulfils a condition."""
    query = select(approval.c.approval_id).where(approval.c.approval_id == approval_id, condition)
    if (await unit.connection.execute(query)).one_or_none() is None:
        raise not_found("approval", approval_id)


async def _decided(proposed: Approval, status: Status, principal: Principal, unit: UnitOfWork) -> Approval:
    try:
        return domain.decide(proposed, status, principal.subject, await store.moment(unit))
    except DecisionRefusedError as error:
        raise _refusal(error) from error


def _refusal(error: DecisionRefusedError) -> Problem:
    if error.code in {"four-eyes", "not-yours"}:
        return Problem(403, error.code, "Another person must do this", str(error))
    return conflict(error.code, str(error))


async def _keep(
    unit: UnitOfWork, audit: Audit, decided: Approval, principal: Principal, reason: str | None
) -> None:
    await store.save(unit, decided, principal.subject, reason)
    before = {"status": Status.PROPOSED, "proposed_by": decided.proposed_by}
    after = {"kind": decided.kind, "object_id": decided.object_id, "terms": decided.terms}
    await audit.record(
        unit, decided.approval_id, before=before, after={**after, "status": decided.status, "reason": reason}
    )


def _matching(wanted: ApprovalsWanted) -> Select[Any]:
    query = select(approval)
    for name in ("kind", "status", "object_id", "proposed_by", "decided_by"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(approval.c[name] == value)
    if wanted.proposed_from is not None:
        query = query.where(approval.c.proposed_at >= wanted.proposed_from)
    if wanted.proposed_to is not None:
        query = query.where(approval.c.proposed_at < wanted.proposed_to)
    return query


async def _story(unit: UnitOfWork, approval_id: str) -> ApprovalStory:
    rows = await unit.connection.execute(select(approval).where(approval.c.approval_id == approval_id))
    found = await SEALED_TERMS.open(unit.connection, rows)
    if not found:
        raise not_found("approval", approval_id)
    steps = select(approval_step).where(approval_step.c.approval_id == approval_id)
    taken = await unit.connection.execute(steps.order_by(approval_step.c.sequence))
    history = [ApprovalStep.model_validate(each) for each in taken]
    return ApprovalStory(**found[0], history=history)
