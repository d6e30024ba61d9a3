"""What two persons are needed for: each service declares its kinds, the chassis adds those that all have."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from backoffice_chassis.approvals.domain import Approval
from backoffice_chassis.http.problems import not_found
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_events.messaging import UnitOfWork

_READ_ALL = Permission("read-all-approvals", Role.AUDITOR)

CarryOut = Callable[[UnitOfWork, Approval], Awaitable[Any]]
"""Does what was approved, in the transaction of the approval; `decided_by` is who approved. What it returns is
answered as `outcome`. What it raises leaves everything as it was, and the approval waiting.
"""


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """One thing that two persons are needed for.

    permission: needed to decide on it, and to see it. lifetime: how long it waits for a decision.
    """

    name: str
    permission: Permission
    lifetime: timedelta
    carry_out: CarryOut


class ApprovalKinds:
    """The kinds of one service, by name."""

    def __init__(self, kinds: Iterable[ApprovalKind]) -> None:
        self._kinds: Mapping[str, ApprovalKind] = {kind.name: kind for kind in kinds}

    def named(self, name: str) -> ApprovalKind:
        """Return a kind. Raises 404: a release that knew it left it behind."""
        if name not in self._kinds:
            raise not_found("kind of approval", name)
        return self._kinds[name]

    def seen_by(self, principal: Principal) -> list[str]:
        """Return the names of the kinds that somebody may see: auditors all, others what they may decide on."""
        return [
            kind.name
            for kind in self._kinds.values()
            if _READ_ALL.held_by(principal) or kind.permission.held_by(principal)
        ]
