"""Reads of the stock record."""

from datetime import date
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, fetch_page
from ledger.positions.tables import position_balance

QUANTITIES = ("trade_date_quantity", "settled_quantity", "unsettled_quantity", "failing_quantity")


async def positions(
    connection: AsyncConnection, as_of: date | None, book: str | None, isin: str | None, page: PageRequest
) -> tuple[list[Row[Any]], str | None]:
    """Return one page of the positions at the end of a day of the books, by book and instrument; flat ones left out."""
    balance = position_balance
    sums = [func.sum(balance.c[name]).label(name) for name in QUANTITIES]
    query = (
        select(balance.c.book, balance.c.isin, *sums)
        .group_by(balance.c.book, balance.c.isin)
        .having(or_(*(func.sum(balance.c[name]) != 0 for name in QUANTITIES)))
    )
    if as_of is not None:
        query = query.where(balance.c.posting_date <= as_of)
    if book is not None:
        query = query.where(balance.c.book == book)
    if isin is not None:
        query = query.where(balance.c.isin == isin)
    return await fetch_page(connection, query, [balance.c.book, balance.c.isin], page)
