"""Discarding dead letters takes two persons: what is discarded never takes effect, and the books lack it for ever."""

from datetime import timedelta
from typing import Any

import msgspec

from backoffice_chassis.approvals.domain import Approval
from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Role
from backoffice_events.messaging import Redriver, UnitOfWork
from backoffice_events.messaging.actions import Action, By

NAME = "dead-letter-discard"
DISCARD = Permission("discard-dead-letters", Role.SRE, Role.OPERATIONS)
_LIFETIME = timedelta(days=7)


def discarding(redriver: Redriver) -> ApprovalKind:
    """Return the kind. Its terms are the `ids` of dead letters; all are discarded together, or none."""

    async def carry_out(unit: UnitOfWork, approval: Approval) -> Any:
        by = By(approval.decided_by or "", f"{approval.reason} (proposed by {approval.proposed_by})")
        answers = await redriver.take_within(unit, Action.DISCARD, approval.terms["ids"], by)
        return [msgspec.to_builtins(answer) for answer in answers]

    return ApprovalKind(NAME, DISCARD, _LIFETIME, carry_out)
