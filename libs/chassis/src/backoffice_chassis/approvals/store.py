"""Approvals in the database: proposed, locked for a decision, decided, expired; each step stays on record.

All of it goes by the database's clock, which all its processes share: one of them whose own is wrong would expire for
good what the others wait for.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Select, func, select, text

from backoffice_chassis.approvals import domain
from backoffice_chassis.approvals.domain import Approval, Status
from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.approvals.tables import SEALED_TERMS, approval, approval_step
from backoffice_chassis.http.problems import conflict, not_found
from backoffice_chassis.service import PeriodicJob
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk

_NEXT_STEP = text("SELECT count(*) + 1 FROM approval_step WHERE approval_id = CAST(:approval_id AS uuid)")
_MOST_AT_ONCE = 500


async def moment(unit: UnitOfWork) -> datetime:
    """Return when the transaction began."""
    return (await unit.connection.execute(select(func.now()))).scalar_one()


async def propose(
    unit: UnitOfWork,
    kind: ApprovalKind,
    proposals: Sequence[tuple[str | None, Mapping[str, Any]]],
    *,
    by: str,
    reason: str | None = None,
) -> list[Approval]:
    """Keep what a person proposes until another one decides. proposals: what each is about, and its terms.

    Raises 409 when something of the kind waits already for what one of them is about.
    """
    await expire_overdue(unit)
    await _require_none_waits(unit, kind, [object_id for object_id, _ in proposals if object_id is not None])
    now = await moment(unit)
    made = [
        Approval(
            approval_id=new_id(),
            kind=kind.name,
            object_id=object_id,
            terms=terms,
            reason=reason,
            status=Status.PROPOSED,
            proposed_by=by,
            proposed_at=now,
            expires_at=now + kind.lifetime,
        )
        for object_id, terms in proposals
    ]
    rows = await SEALED_TERMS.seal(unit.connection, [msgspec.structs.asdict(each) for each in made])
    await bulk.insert(unit.connection, approval, rows)
    await bulk.insert(unit.connection, approval_step, [_step(each, 1, by, reason) for each in made])
    return made


async def _require_none_waits(unit: UnitOfWork, kind: ApprovalKind, object_ids: Sequence[str]) -> None:
    query = select(approval.c.approval_id, approval.c.object_id).where(
        approval.c.kind == kind.name,
        approval.c.status == Status.PROPOSED,
        approval.c.object_id.in_(object_ids),
    )
    found = (await unit.connection.execute(query.limit(1))).one_or_none()
    if found is not None:
        detail = f"{found.approval_id} waits for a decision on {found.object_id}: decide on it, or withdraw it, first."
        raise conflict("already-proposed", detail)


async def waiting(unit: UnitOfWork, kind: ApprovalKind) -> list[Approval]:
    """Return what waits for a decision, and has not passed its deadline."""
    query = select(approval).where(approval.c.kind == kind.name, approval.c.status == Status.PROPOSED)
    return await _read(unit, query.where(approval.c.expires_at > func.now()))


async def locked(unit: UnitOfWork, approval_id: str) -> Approval:
    """Return an approval, which nobody else decides until the transaction ends. Raises 404."""
    query = select(approval).where(approval.c.approval_id == approval_id).with_for_update()
    found = await _read(unit, query)
    if not found:
        raise not_found("approval", approval_id)
    return found[0]


async def save(unit: UnitOfWork, decided: Approval, actor: str | None, reason: str | None) -> None:
    """Keep a decision, and its step in the history."""
    number = (await unit.connection.execute(_NEXT_STEP, {"approval_id": decided.approval_id})).scalar_one()
    changes = {
        "approval_id": decided.approval_id,
        "status": decided.status,
        "decided_by": decided.decided_by,
        "decided_at": decided.decided_at,
    }
    await bulk.update(unit.connection, approval, [changes], key=["approval_id"])
    await bulk.insert(unit.connection, approval_step, [_step(decided, number, actor, reason)])


async def expire_overdue(unit: UnitOfWork) -> None:
    """Expire what nobody decided in time."""
    now = await moment(unit)
    overdue = select(approval).where(approval.c.status == Status.PROPOSED, approval.c.expires_at <= now)
    for each in await _read(unit, overdue.limit(_MOST_AT_ONCE).with_for_update(skip_locked=True)):
        await save(unit, domain.expire(each, now), None, None)


EXPIRY = PeriodicJob("expire approvals", timedelta(minutes=1), expire_overdue)


async def _read(unit: UnitOfWork, query: Select[Any]) -> list[Approval]:
    rows = await SEALED_TERMS.open(unit.connection, await unit.connection.execute(query))
    return [Approval(**{**row, "status": Status(row["status"])}) for row in rows]


def _step(made: Approval, number: int, actor: str | None, reason: str | None) -> dict[str, Any]:
    return {
        "approval_id": made.approval_id,
        "sequence": number,
        "status": made.status,
        "actor": actor,
        "at": made.decided_at or made.proposed_at,
        "reason": reason,
    }
