"""Confirmations over HTTP: list, accept a difference, keep the tolerances."""

from typing import Annotated, Any

from fastapi import Path, Query
from sqlalchemy import select

from backoffice_chassis import (
    Audit,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    fetch_page,
    requires,
    scoped,
)
from backoffice_chassis.http.vocabulary import Id
from backoffice_events.ids import new_id
from trade_capture.confirmation import repository
from trade_capture.confirmation.acceptance import accept
from trade_capture.confirmation.queries import filtered
from trade_capture.confirmation.schemas import (
    AcceptedOut,
    AcceptIn,
    ConfirmationFilters,
    ConfirmationOut,
    ToleranceIn,
    ToleranceOut,
)
from trade_capture.confirmation.tables import confirmation, tolerance
from trade_capture.permissions import READ_CONFIRMATIONS, WORK_CONFIRMATIONS

router = Router(tags=["Confirmation"])

Reader = Annotated[Principal, scoped(READ_CONFIRMATIONS)]
Accepter = Annotated[Principal, scoped(WORK_CONFIRMATIONS)]
ToleranceReader = Annotated[Principal, requires(READ_CONFIRMATIONS)]
ToleranceKeeper = Annotated[Principal, requires(WORK_CONFIRMATIONS)]
ConfirmationId = Annotated[Id, Path()]


@router.get("/confirmations", response_model=Page[ConfirmationOut])
async def list_confirmations(
    unit: Unit, paging: Paging, principal: Reader, filters: Annotated[ConfirmationFilters, Query()]
) -> Any:
    """List what counterparties sent, the earliest first, with what each came to."""
    found, cursor = await fetch_page(
        unit.connection, filtered(filters, principal.scope), [confirmation.c.confirmation_id], paging
    )
    return {"items": found, "next_cursor": cursor}


@router.post("/confirmations/{confirmation_id}/accept", response_model=AcceptedOut)
async def accept_confirmation(
    *,
    confirmation_id: ConfirmationId,
    word: AcceptIn,
    unit: Unit,
    principal: Accepter,
    audit: Annotated[Audit, audits("confirmation")],
) -> Any:
    """Accept a confirmation that differs, for one version of the trade. It ends when another confirmation comes.

    The trade keeps our terms: to take theirs over, have it corrected.
    """
    trade = await accept(
        unit,
        confirmation_id,
        trade_version=word.trade_version,
        reason=word.reason,
        by=principal,
    )
    answer = AcceptedOut.model_validate({**trade._mapping, "trade_version": trade.version})
    await audit.record(unit, confirmation_id, after={**answer.model_dump(), "reason": word.reason})
    return answer


@router.get("/tolerances", response_model=Page[ToleranceOut])
async def list_tolerances(unit: Unit, paging: Paging, _: ToleranceReader) -> Any:
    """List every tolerance ever recorded; of two for one date the later holds."""
    found, cursor = await fetch_page(unit.connection, select(tolerance), [tolerance.c.tolerance_id], paging)
    return {"items": found, "next_cursor": cursor}


@router.post("/tolerances", response_model=ToleranceOut, status_code=201)
async def record_tolerance(
    stated: ToleranceIn,
    unit: Unit,
    principal: ToleranceKeeper,
    audit: Annotated[Audit, audits("tolerance")],
) -> Any:
    """Record a tolerance. It holds for matching from now on; what was matched before is left as it is."""
    row = {
        **stated.model_dump(),
        "tolerance_id": new_id(),
        "recorded_by": principal.subject,
        "recorded_at": unit.now,
    }
    await repository.insert_tolerances(unit.connection, [row])
    await audit.record(unit, row["tolerance_id"], after=row)
    return row
