"""Positions over HTTP."""

from typing import Annotated, Final

from fastapi import Query

from backoffice_chassis import Page, Paging, Router, Unit
from backoffice_chassis.http.vocabulary import Day
from ledger.positions import repository
from ledger.positions.repository import Wanted
from ledger.positions.schemas import Position
from ledger.reading import Name, Reader

router: Final = Router(tags=["positions"])


@router.get("/positions")
async def list_positions(  # noqa: PLR0917  what a request may say
    unit: Unit,
    principal: Reader,
    page: Paging,
    as_of: Annotated[Day | None, Query(description="Last day of the books that counts.")] = None,
    book: Annotated[Name | None, Query()] = None,
    isin: Annotated[Name | None, Query()] = None,
) -> Page[Position]:
    """Return what each book holds of each instrument: settled, in flight and failing."""
    rows, cursor = await repository.positions(
        unit.connection, principal.scope, Wanted(as_of, book, isin), page
    )
    return Page(items=[Position(**row._mapping) for row in rows], next_cursor=cursor)
