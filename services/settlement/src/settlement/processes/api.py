"""Settlements over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from backoffice_chassis import Page, Paging, Principal, Router, Unit, etag, not_found, scoped
from backoffice_chassis.http.vocabulary import Id
from settlement.permissions import READ_SETTLEMENTS
from settlement.processes import views
from settlement.processes.schemas import SettlementFilters, SettlementStory, SettlementView

Reader = Annotated[Principal, scoped(READ_SETTLEMENTS)]

router = Router(prefix="/settlements", tags=["settlements"])


@router.get("")
async def list_settlements(
    unit: Unit, paging: Paging, principal: Reader, wanted: Annotated[SettlementFilters, Query()]
) -> Page[SettlementView]:
    """List settlements by trade id, narrowed by what is given."""
    filters = wanted.model_dump(exclude_none=True)
    rows, cursor = await views.page_of(unit.connection, filters, principal.scope, paging)
    return Page(items=[SettlementView.model_validate(row) for row in rows], next_cursor=cursor)


@router.get("/{trade_id}")
async def get_settlement(trade_id: Id, unit: Unit, principal: Reader, response: Response) -> SettlementStory:
    """Show a trade's settlement with its whole history and every message exchanged."""
    found = await views.one(unit.connection, trade_id, principal.scope)
    if found is None:
        raise not_found("settlement of trade", trade_id)
    response.headers["ETag"] = etag(found["version"])
    instructions = await views.instructions_of(unit.connection, trade_id)
    history = await views.history_of(unit.connection, trade_id)
    return SettlementStory.model_validate({**found, "instructions": instructions, "history": history})
