"""Who may look at a service's messages, who may act on them, and the types that these routes share."""

from datetime import UTC, datetime
from typing import Annotated, Protocol

from pydantic import AwareDatetime, Field, StringConstraints

from backoffice_chassis.audit.trail import Audit, audits
from backoffice_chassis.security.access import requires
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_events.messaging import UnitOfWork
from backoffice_events.messaging.actions import Action, By

READ_MESSAGING = Permission("read-messaging", Role.SRE, Role.OPERATIONS, Role.AUDITOR)
WORK_MESSAGING = Permission("work-messaging", Role.SRE, Role.OPERATIONS)

Reader = Annotated[Principal, requires(READ_MESSAGING)]
Operator = Annotated[Principal, requires(WORK_MESSAGING)]
Recorder = Annotated[Audit, audits("dead-letter")]

Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 2, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))
]
"""A point in time with its zone, such as 2024-06-03T09:30:00Z."""


class Reasoned(Protocol):
    """What is asked for with a reason."""

    reason: str


def by(principal: Principal, asked: Reasoned, audit: Audit) -> By:
    """Return who acts and why; each thing they do goes on record in its own transaction, with what came of it."""
    audit.nothing_changed()  # unless there is something to do

    async def witness(unit: UnitOfWork, action: Action, dead_letter_id: str, outcome: str) -> None:
        after = {"action": action, "outcome": outcome, "reason": asked.reason}
        await audit.record(unit, dead_letter_id, after=after)

    return By(principal.subject, asked.reason, witness)
