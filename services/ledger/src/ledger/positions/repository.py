"""Reads of the stock record."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import FromClause, Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, Scope, fetch_page
from ledger.journals.tables import journal
from ledger.positions.tables import position_balance, stock_movement

QUANTITIES = ("trade_date_quantity", "settled_quantity", "unsettled_quantity", "failing_quantity")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which positions. as_of: at the end of which day of the books; None: the last. book, isin None: all."""

    as_of: date | None
    book: str | None
    isin: str | None


async def positions(
    connection: AsyncConnection, scope: Scope, wanted: Wanted, page: PageRequest
) -> tuple[list[Row[Any]], str | None]:
    """Return one page of the positions in scope, by book and instrument; flat ones left out."""
    balance = _balances(scope)
    sums = [func.sum(balance.c[name]).label(name) for name in QUANTITIES]
    query = (
        select(balance.c.book, balance.c.isin, *sums)
        .group_by(balance.c.book, balance.c.isin)
        .having(or_(*(func.sum(balance.c[name]) != 0 for name in QUANTITIES)))
    )
    if wanted.as_of is not None:
        query = query.where(balance.c.posting_date <= wanted.as_of)
    if wanted.book is not None:
        query = query.where(balance.c.book == wanted.book)
    if wanted.isin is not None:
        query = query.where(balance.c.isin == wanted.isin)
    return await fetch_page(connection, query, [balance.c.book, balance.c.isin], page)


def _balances(scope: Scope) -> FromClause:
    """Return what the positions in scope add up from: the balances by book or, by entity, the movements themselves."""
    if scope.whole_firm:
        return position_balance
    if scope.entities is None:
        own = scope.rows(entity_lei=None, book=position_balance.c.book)
        return select(position_balance).where(own).subquery()
    own = scope.rows(entity_lei=journal.c.entity_lei, book=journal.c.book)
    moved = select(stock_movement).join(journal, journal.c.journal_id == stock_movement.c.journal_id)
    return moved.where(own).subquery()
