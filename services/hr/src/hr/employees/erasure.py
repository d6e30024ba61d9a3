"""Erasing the personal data of who left: their keys are destroyed, in backups too nobody reads it. Two people decide.

Their personnel number, employment and licences stay: the books refer to them, and they name nobody.
"""

from datetime import timedelta
from typing import Any

from backoffice_chassis import Approval, ApprovalKind, conflict, not_found
from backoffice_chassis.approvals import store
from backoffice_events.messaging import UnitOfWork
from hr.employees import domain, repository
from hr.employees.timeline import EmploymentRefusedError
from hr.permissions import ERASE_PERSONS

NAME = "employee-erasure"
_LIFETIME = timedelta(days=30)


class Erasure:
    """Erases after so many years."""

    def __init__(self, retention_years: int) -> None:
        self._retention_years = retention_years
        self.kind = ApprovalKind(NAME, ERASE_PERSONS, _LIFETIME, self._carry_out)

    async def propose(self, unit: UnitOfWork, employee_id: str, *, by: str, reason: str) -> Approval:
        """Keep the erasure until another person approves it. Raises 404, and 409 while it is not allowed."""
        await self._require_allowed(unit, employee_id)
        terms = {"employee_id": employee_id}
        [made] = await store.propose(unit, self.kind, [(employee_id, terms)], by=by, reason=reason)
        return made

    async def _carry_out(self, unit: UnitOfWork, approval: Approval) -> Any:
        employee_id = approval.terms["employee_id"]
        await self._require_allowed(unit, employee_id)
        await repository.erase(unit, employee_id, approval.decided_by or "")
        return {"employee_id": employee_id, "erased_at": unit.now}

    async def _require_allowed(self, unit: UnitOfWork, employee_id: str) -> None:
        known = await repository.find(unit.connection, employee_id, lock=True)
        if known is None:
            raise not_found("employee", employee_id)
        if known["erased_at"] is not None:
            raise conflict("employee-erased", "Their personal data is erased already.")
        try:
            day = domain.erasable_from(repository.as_employee(known), self._retention_years)
        except EmploymentRefusedError as error:
            raise conflict("still-employed", f"The employee {error}.") from error
        if unit.now.date() < day:
            raise conflict("retention-period", f"The law wants their data kept: propose it from {day} on.")
