"""Reads of posted journals for people: search, and one journal whole."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, Scope, fetch_page
from ledger.journals.domain import JournalKind
from ledger.journals.tables import journal, journal_line
from ledger.positions.tables import stock_movement


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which journals are wanted; None: any. Dates are posting dates, both included."""

    trade_id: UUID | None = None
    source_event_id: UUID | None = None
    kind: JournalKind | None = None
    book: str | None = None
    isin: str | None = None
    date_from: date | None = None
    date_to: date | None = None


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a journal is in scope: by the book and entity that it was posted for."""
    return scope.rows(entity_lei=journal.c.entity_lei, book=journal.c.book)


async def search(
    connection: AsyncConnection, wanted: JournalFilter, scope: Scope, page: PageRequest
) -> tuple[list[Row[Any]], str | None]:
    """Return one page of the journals in scope in the order they were posted."""
    query = _where(_whole().where(in_scope(scope)), wanted)
    return await fetch_page(connection, query, [journal.c.journal_id], page)


async def find(connection: AsyncConnection, journal_id: str, scope: Scope) -> Row[Any] | None:
    """Return one journal, None when there is none in scope."""
    query = _whole().where(journal.c.journal_id == journal_id, in_scope(scope))
    found: Row[Any] | None = (await connection.execute(query)).one_or_none()
    return found


async def lines_of(connection: AsyncConnection, journal_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """Return the lines of each journal, in order."""
    query = (
        select(journal_line)
        .where(journal_line.c.journal_id.in_(journal_ids))
        .order_by(journal_line.c.journal_id, journal_line.c.line_number)
    )
    lines: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in await connection.execute(query):
        lines[row.journal_id].append(row)
    return lines


def _whole() -> Select[Any]:
    reversal = journal.alias("reversal")
    movement = stock_movement
    return (
        select(
            journal,
            reversal.c.journal_id.label("reversed_by"),
            movement.c.trade_date_quantity,
            movement.c.settled_quantity,
            movement.c.unsettled_quantity,
            movement.c.failing_quantity,
        )
        .join(movement, movement.c.journal_id == journal.c.journal_id)
        .outerjoin(reversal, reversal.c.reverses_journal_id == journal.c.journal_id)
    )


def _where(query: Select[Any], wanted: JournalFilter) -> Select[Any]:
    equal = {
        journal.c.trade_id: wanted.trade_id and str(wanted.trade_id),
        journal.c.source_event_id: wanted.source_event_id and str(wanted.source_event_id),
        journal.c.kind: wanted.kind,
        journal.c.book: wanted.book,
        journal.c.isin: wanted.isin,
    }
    query = query.where(*(column == value for column, value in equal.items() if value is not None))
    if wanted.date_from is not None:
        query = query.where(journal.c.posting_date >= wanted.date_from)
    if wanted.date_to is not None:
        query = query.where(journal.c.posting_date <= wanted.date_to)
    return query
