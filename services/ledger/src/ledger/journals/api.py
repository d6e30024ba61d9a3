"""Journals over HTTP: search and look up. Nobody posts by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import Row

from backoffice_chassis import Page, Paging, Router, Unit, not_found
from backoffice_chassis.http.vocabulary import Day
from ledger.journals import queries
from ledger.journals.domain import JournalKind
from ledger.journals.queries import JournalFilter
from ledger.journals.schemas import JournalDocument, JournalLine, StockMovement
from ledger.reading import Name, Reader, hold_view

router: Final = Router(tags=["journals"])


def _filter(
    *,
    trade_id: Annotated[UUID | None, Query()] = None,
    source_event_id: Annotated[
        UUID | None, Query(description="Id of the event that posted the journal.")
    ] = None,
    kind: Annotated[JournalKind | None, Query()] = None,
    book: Annotated[Name | None, Query()] = None,
    isin: Annotated[Name | None, Query()] = None,
    date_from: Annotated[Day | None, Query(description="First posting date.")] = None,
    date_to: Annotated[Day | None, Query(description="Last posting date.")] = None,
) -> JournalFilter:
    return JournalFilter(
        trade_id=trade_id,
        source_event_id=source_event_id,
        kind=kind,
        book=book,
        isin=isin,
        date_from=date_from,
        date_to=date_to,
    )


@router.get("/journals")
async def search_journals(
    unit: Unit, principal: Reader, page: Paging, wanted: Annotated[JournalFilter, Depends(_filter)]
) -> Page[JournalDocument]:
    """Return journals in the order they were posted, whole."""
    await hold_view(unit.connection)
    rows, cursor = await queries.search(unit.connection, wanted, principal.scope, page)
    return Page(items=await _documents(unit, rows), next_cursor=cursor)


@router.get("/journals/{journal_id}")
async def get_journal(journal_id: UUID, unit: Unit, principal: Reader) -> JournalDocument:
    """Return one journal, whole, with what it reverses and what reverses it."""
    await hold_view(unit.connection)
    found = await queries.find(unit.connection, str(journal_id), principal.scope)
    if found is None:
        raise not_found("journal", str(journal_id))
    (document,) = await _documents(unit, [found])
    return document


async def _documents(unit: Unit, rows: Sequence[Row[Any]]) -> list[JournalDocument]:
    lines = await queries.lines_of(unit.connection, [row.journal_id for row in rows])
    return [
        JournalDocument(
            **row._mapping,
            reverses=row.reverses_journal_id,
            lines=[_line(line) for line in lines[row.journal_id]],
            movement=StockMovement(**row._mapping),
        )
        for row in rows
    ]


def _line(row: Row[Any]) -> JournalLine:
    return JournalLine(
        line_number=row.line_number,
        account=row.account_code,
        currency=row.currency,
        debit=max(row.amount, Decimal(0)),
        credit=max(-row.amount, Decimal(0)),
    )
