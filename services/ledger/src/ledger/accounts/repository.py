"""Reads and writes of accounts and their balances."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import FromClause, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, Scope, fetch_page
from backoffice_events.messaging import bulk
from ledger.accounts.domain import AccountStatus
from ledger.accounts.tables import account, account_balance, account_status_change
from ledger.journals.tables import journal, journal_line


@dataclass(frozen=True, slots=True)
class Period:
    """What a statement is of. Dates are days of the books, both included; None: open-ended. book None: all books."""

    account: str
    currency: str
    date_from: date | None
    date_to: date | None
    book: str | None
    scope: Scope


async def closed_accounts(connection: AsyncConnection) -> frozenset[str]:
    """Return the codes of the accounts that take no postings."""
    codes = await connection.scalars(select(account.c.code).where(account.c.status == AccountStatus.CLOSED))
    return frozenset(codes)


async def accounts(connection: AsyncConnection, page: PageRequest) -> tuple[list[Row[Any]], str | None]:
    """Return one page of the chart, by code."""
    return await fetch_page(connection, select(account), [account.c.code], page)


async def find(connection: AsyncConnection, code: str, *, lock: bool = False) -> Row[Any] | None:
    """Return an account, None when the chart has no such code."""
    query = select(account).where(account.c.code == code)
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def change_status(
    connection: AsyncConnection,
    found: Row[Any],
    status: AccountStatus,
    *,
    reason: str,
    by: str,
    at: datetime,
) -> None:
    """Set the status of a locked account, and record who did it and why."""
    version = found.version + 1
    change = {"code": found.code, "version": version, "status": status.value}
    await bulk.update(connection, account, [change], key=["code"])
    await bulk.insert(
        connection, account_status_change, [{**change, "reason": reason, "changed_by": by, "changed_at": at}]
    )


async def trial_balance(
    connection: AsyncConnection, scope: Scope, as_of: date | None, book: str | None
) -> list[Row[Any]]:
    """Return debit and credit turnover of each account and currency in scope up to the end of a day."""
    balance = _balances(scope)
    query = (
        select(
            account.c.code,
            account.c.name,
            account.c.type,
            balance.c.currency,
            func.sum(balance.c.debit).label("debit"),
            func.sum(balance.c.credit).label("credit"),
        )
        .join(balance, balance.c.account_code == account.c.code)
        .group_by(account.c.code, balance.c.currency)
        .order_by(account.c.code, balance.c.currency)
    )
    if as_of is not None:
        query = query.where(balance.c.posting_date <= as_of)
    if book is not None:
        query = query.where(balance.c.book == book)
    return list(await connection.execute(query))


async def opening_and_closing(connection: AsyncConnection, period: Period) -> tuple[Decimal, Decimal]:
    """Return the balances before the first and after the last day; a debit balance is positive."""
    balance = _balances(period.scope)
    net = balance.c.debit - balance.c.credit
    before = balance.c.posting_date < period.date_from if period.date_from else None
    opening = func.sum(net).filter(before) if before is not None else func.sum(0)
    query = select(func.coalesce(opening, 0), func.coalesce(func.sum(net), 0)).where(
        balance.c.account_code == period.account, balance.c.currency == period.currency
    )
    if period.date_to is not None:
        query = query.where(balance.c.posting_date <= period.date_to)
    if period.book is not None:
        query = query.where(balance.c.book == period.book)
    first, last = (await connection.execute(query)).one()
    return Decimal(first), Decimal(last)


def _balances(scope: Scope) -> FromClause:
    """Return what the balances in scope add up from: the rollups by book or, by entity, the lines themselves."""
    if scope.whole_firm:
        return account_balance
    if scope.entities is None:
        own = scope.rows(entity_lei=None, book=account_balance.c.book)
        return select(account_balance).where(own).subquery()
    line = journal_line
    lines = select(
        line.c.posting_date,
        line.c.account_code,
        line.c.currency,
        journal.c.book,
        func.greatest(line.c.amount, 0).label("debit"),
        func.greatest(-line.c.amount, 0).label("credit"),
    ).join(journal, journal.c.journal_id == line.c.journal_id)
    own = scope.rows(entity_lei=journal.c.entity_lei, book=journal.c.book)
    return lines.where(own).subquery()


async def statement_lines(
    connection: AsyncConnection, period: Period, page: PageRequest
) -> tuple[list[Row[Any]], str | None]:
    """Return one page of the period's lines, by day and then as they were posted."""
    line = journal_line
    query = (
        select(
            line.c.posting_date,
            line.c.journal_id,
            line.c.line_number,
            line.c.amount,
            journal.c.kind,
            journal.c.trade_id,
            journal.c.book,
            journal.c.isin,
        )
        .join(journal, journal.c.journal_id == line.c.journal_id)
        .where(line.c.account_code == period.account, line.c.currency == period.currency)
        .where(period.scope.rows(entity_lei=journal.c.entity_lei, book=journal.c.book))
    )
    order = [line.c.posting_date, line.c.journal_id, line.c.line_number]
    return await fetch_page(connection, _within(query, period), order, page)


def _within(query: Select[Any], period: Period) -> Select[Any]:
    if period.date_from is not None:
        query = query.where(journal_line.c.posting_date >= period.date_from)
    if period.date_to is not None:
        query = query.where(journal_line.c.posting_date <= period.date_to)
    if period.book is not None:
        query = query.where(journal.c.book == period.book)
    return query
