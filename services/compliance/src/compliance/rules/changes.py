"""Changes to the rules: one person proposes, another decides; what was approved takes effect with that."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, select

from backoffice_chassis import Problem, conflict, not_found
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk
from compliance.rules.schemas import ChangeStatus
from compliance.rules.tables import rule, rule_change

_ONE_AT_A_TIME = select(func.pg_advisory_xact_lock(func.hashtextextended("compliance rule approvals", 0)))
_NEXT_APPROVAL = select(func.coalesce(func.max(rule_change.c.approval), 0) + 1)


async def propose(unit: UnitOfWork, rules: Sequence[dict[str, Any]], reason: str, actor: str) -> str:
    """Keep a proposal; return its id. rules: rows without ids."""
    change_id = new_id()
    change = {
        "change_id": change_id,
        "reason": reason,
        "status": ChangeStatus.PROPOSED,
        "proposed_by": actor,
        "proposed_at": unit.now,
    }
    await bulk.insert(unit.connection, rule_change, [change])
    rows = [{"rule_id": new_id(), "change_id": change_id, **each} for each in rules]
    await bulk.insert(unit.connection, rule, rows)
    return change_id


async def decide(unit: UnitOfWork, change_id: str, status: ChangeStatus, actor: str, reason: str) -> None:
    """Approve or reject a proposal of somebody else. Raises a Problem when that is not possible."""
    await unit.connection.execute(_ONE_AT_A_TIME)
    query = select(rule_change).where(rule_change.c.change_id == change_id).with_for_update()
    change = (await unit.connection.execute(query)).one_or_none()
    if change is None:
        raise not_found("rule change", change_id)
    if problem := _refusal(change, actor):
        raise problem
    approval = None
    if status is ChangeStatus.APPROVED:
        approval = (await unit.connection.execute(_NEXT_APPROVAL)).scalar_one()
    decided = {
        "change_id": change_id,
        "status": status,
        "decided_by": actor,
        "decided_at": unit.now,
        "decision_reason": reason,
        "approval": approval,
    }
    await bulk.update(unit.connection, rule_change, [decided], key=["change_id"])


def _refusal(change: Row[Any], actor: str) -> Problem | None:
    if change.status != ChangeStatus.PROPOSED:
        return conflict("change-decided", f"This change is {change.status}: propose a new one.")
    if change.proposed_by == actor:
        return conflict("four-eyes", "You proposed this: somebody else has to decide on it.")
    return None
