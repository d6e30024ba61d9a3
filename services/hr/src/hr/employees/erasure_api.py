"""Erasure over HTTP: proposed here, decided on at /approvals."""

from typing import Annotated

from fastapi import Path, Response

from backoffice_chassis import Audit, Principal, Router, Unit, audits, requires
from backoffice_chassis.approvals.schemas import ApprovalView
from hr.employees import schemas
from hr.employees.erasure import Erasure
from hr.permissions import ERASE_PERSONS

Officer = Annotated[Principal, requires(ERASE_PERSONS)]
Recorder = Annotated[Audit, audits("employee")]


def router(erasure: Erasure) -> Router:
    """Return the routes of an erasure."""
    made = Router(prefix="/employees", tags=["Employees"])

    @made.post("/{employee_id}/erasure", status_code=201)
    async def propose_erasure(
        *,
        employee_id: Annotated[schemas.EmployeeId, Path()],
        proposal: schemas.ErasureProposal,
        unit: Unit,
        principal: Officer,
        audit: Recorder,
        response: Response,
    ) -> ApprovalView:
        """Propose to erase names and date of birth of who left; another HR officer approves (`/approvals`).

        Refused while they are employed, and until the retention period has passed. It cannot be undone.
        """
        approval = await erasure.propose(unit, employee_id, by=principal.subject, reason=proposal.reason)
        await audit.record(unit, employee_id, after=approval)
        response.headers["Location"] = f"/approvals/{approval.approval_id}"
        return ApprovalView.model_validate(approval)

    return made
