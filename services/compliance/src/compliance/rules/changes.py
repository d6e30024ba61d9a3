"""Changes to the rules need two persons; what was approved takes effect with that."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from backoffice_chassis import Approval, ApprovalKind
from backoffice_chassis.approvals import store
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk
from compliance.permissions import CHANGE_RULES
from compliance.rules.domain import Terms
from compliance.rules.tables import rule, rule_change

_ONE_AT_A_TIME = select(func.pg_advisory_xact_lock(func.hashtextextended("compliance rule approvals", 0)))
_NEXT_APPROVAL = select(func.coalesce(func.max(rule_change.c.approval), 0) + 1)


class ProposedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is to hold."""

    kind: str
    subject: str
    valid_from: date
    valid_to: date | None
    active: bool
    terms: Terms


async def propose(unit: UnitOfWork, rules: Sequence[ProposedRule], reason: str, actor: str) -> Approval:
    """Keep rules until somebody else approves them, all together."""
    terms = {"rules": msgspec.to_builtins(rules)}
    [made] = await store.propose(unit, CHANGES, [(None, terms)], by=actor, reason=reason)
    return made


async def put_into_force(unit: UnitOfWork, approval: Approval) -> Any:
    """Let approved rules hold for every trade judged from now on. The change has the approval's id."""
    rules = msgspec.convert(approval.terms["rules"], list[ProposedRule])
    await unit.connection.execute(_ONE_AT_A_TIME)
    number = (await unit.connection.execute(_NEXT_APPROVAL)).scalar_one()
    change = {
        "change_id": approval.approval_id,
        "reason": approval.reason,
        "status": "APPROVED",
        "proposed_by": approval.proposed_by,
        "proposed_at": approval.proposed_at,
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at,
        "approval": number,
    }
    await bulk.insert(unit.connection, rule_change, [change])
    rows = [{"rule_id": new_id(), "change_id": approval.approval_id, **_columns(each)} for each in rules]
    await bulk.insert(unit.connection, rule, rows)
    return {"change_id": approval.approval_id, "rules": [row["rule_id"] for row in rows]}


def _columns(proposed: ProposedRule) -> dict[str, Any]:
    return {name: getattr(proposed, name) for name in proposed.__struct_fields__}


CHANGES = ApprovalKind("rule-change", CHANGE_RULES, timedelta(days=30), put_into_force)
