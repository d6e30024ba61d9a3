"""What two persons are needed for: each service declares its kinds, the chassis adds those that all have."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from backoffice_chassis.approvals.domain import Approval
from backoffice_chassis.approvals.tables import approval
from backoffice_chassis.http.problems import not_found
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_chassis.security.scope import Scope
from backoffice_events.messaging import UnitOfWork

_READ_ALL = Permission("read-all-approvals", Role.AUDITOR)

CarryOut = Callable[[UnitOfWork, Approval], Awaitable[Any]]
"""Does what was approved, in the transaction of the approval; `decided_by` is who approved. What it returns is
answered as `outcome`. What it raises leaves everything as it was, and the approval waiting.
"""


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """One thing that two persons are needed for.

    permission: needed to decide on it, and to see it. lifetime: how long it waits for a decision. within: the condition
    that an approval is about something in scope; None: it concerns the whole firm.
    """

    name: str
    permission: Permission
    lifetime: timedelta
    carry_out: CarryOut
    within: Callable[[Scope], ColumnElement[bool]] | None = None

    def rows(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition that a row of `approval` is of this kind and in scope."""
        return and_(approval.c.kind == self.name, self._in_scope(scope))

    def _in_scope(self, scope: Scope) -> ColumnElement[bool]:
        if scope.whole_firm:
            return true()
        return self.within(scope) if self.within else false()


class ApprovalKinds:
    """The kinds of one service, by name."""

    def __init__(self, kinds: Iterable[ApprovalKind]) -> None:
        self._kinds: Mapping[str, ApprovalKind] = {kind.name: kind for kind in kinds}

    def named(self, name: str) -> ApprovalKind:
        """Return a kind. Raises 404: a release that knew it left it behind."""
        if name not in self._kinds:
            raise not_found("kind of approval", name)
        return self._kinds[name]

    def seen_by(self, principal: Principal) -> ColumnElement[bool]:
        """Return the condition that somebody may see a row: auditors all kinds, others what they may decide on."""
        kinds = [
            kind.rows(principal.scope)
            for kind in self._kinds.values()
            if _READ_ALL.held_by(principal) or kind.permission.held_by(principal)
        ]
        return or_(false(), *kinds)
