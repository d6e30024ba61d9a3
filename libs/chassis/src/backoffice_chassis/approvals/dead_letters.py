"""Discarding dead letters takes two persons: what is discarded never takes effect, and the books lack it for ever."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from backoffice_chassis.approvals import store
from backoffice_chassis.approvals.domain import Approval
from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.http.problems import conflict
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Role
from backoffice_events.messaging import Redriver, Result, UnitOfWork
from backoffice_events.messaging.actions import Action, By

NAME = "dead-letter-discard"
DISCARD = Permission("discard-dead-letters", Role.SRE, Role.OPERATIONS)
_LIFETIME = timedelta(days=7)


def discarding(redriver: Redriver) -> ApprovalKind:
    """Return the kind. Its terms are the `ids` of dead letters; all are discarded together, or none: 409 then."""

    async def carry_out(unit: UnitOfWork, approval: Approval) -> Any:
        by = By(approval.decided_by or "", f"{approval.reason} (proposed by {approval.proposed_by})")
        answers = await redriver.take_within(unit, Action.DISCARD, approval.terms["ids"], by)
        for each in answers:
            if each.result is not Result.DISCARDED:
                detail = f"Dead letter {each.dead_letter_id} cannot be discarded: {each.reason}. Nothing was discarded."
                raise conflict("not-discarded", detail)
        return [msgspec.to_builtins(answer) for answer in answers]

    return ApprovalKind(NAME, DISCARD, _LIFETIME, carry_out)


async def require_in_turn(
    unit: UnitOfWork, redriver: Redriver, kind: ApprovalKind, ids: Sequence[str]
) -> None:
    """Raise 409 when one of these waits for an older dead letter of its key that nobody proposed to discard."""
    proposed = [each for approval in await store.waiting(unit, kind) for each in approval.terms["ids"]]
    found = await redriver.held_back(unit, ids, [*ids, *proposed])
    if found is not None:
        letter, elder = found
        detail = f"Dead letter {letter} waits for an older one of its key: deal with {elder} first, or discard both."
        raise conflict("not-discarded", detail)
