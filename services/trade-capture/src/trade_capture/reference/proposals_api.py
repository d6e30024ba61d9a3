"""Changes of standing settlement instructions over HTTP: seen, approved or rejected by a second person."""

from typing import Annotated, Any, Literal

from fastapi import Path
from sqlalchemy import select

from backoffice_chassis import (
    Audit,
    Page,
    Paging,
    Principal,
    Role,
    Router,
    Unit,
    audits,
    fetch_page,
    requires,
)
from backoffice_chassis.http.vocabulary import Id
from trade_capture.reference import proposals
from trade_capture.reference.schemas import ProposalOut, Rejection
from trade_capture.reference.tables import settlement_instruction_proposal

router = Router(prefix="/reference/settlement-instruction-proposals", tags=["Reference data"])

Reader = Annotated[Principal, requires(Role.OPERATIONS, Role.AUDITOR)]
Decider = Annotated[Principal, requires(Role.OPERATIONS)]
Recorder = Annotated[Audit, audits("settlement-instruction-proposal")]
ProposalId = Annotated[Id, Path()]
_PENDING = {"status": "PENDING"}


@router.get("", response_model=Page[ProposalOut])
async def list_proposals(
    unit: Unit, paging: Paging, _: Reader, status: Literal["PENDING", "APPROVED", "REJECTED"] | None = None
) -> Any:
    """List changes that wait for a decision, or were decided."""
    table = settlement_instruction_proposal
    query = select(table) if status is None else select(table).where(table.c.status == status)
    found, cursor = await fetch_page(unit.connection, query, [table.c.proposal_id], paging)
    return {"items": [row._mapping for row in found], "next_cursor": cursor}


@router.post("/{proposal_id}/approve", response_model=ProposalOut)
async def approve_proposal(proposal_id: ProposalId, unit: Unit, principal: Decider, audit: Recorder) -> Any:
    """Put the change into force. Whoever proposed it is answered 403: a second person decides."""
    decided = await proposals.approve(unit, proposal_id, principal.subject)
    await audit.record(unit, proposal_id, before=_PENDING, after=decided)
    return decided._mapping


@router.post("/{proposal_id}/reject", response_model=ProposalOut)
async def reject_proposal(
    proposal_id: ProposalId, rejection: Rejection, unit: Unit, principal: Decider, audit: Recorder
) -> Any:
    """Turn the change down, or withdraw it."""
    decided = await proposals.reject(unit, proposal_id, principal.subject, rejection.reason)
    await audit.record(unit, proposal_id, before=_PENDING, after=decided)
    return decided._mapping
