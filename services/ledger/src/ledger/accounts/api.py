"""Accounts, trial balance and statements over HTTP."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response
from sqlalchemy import Row

from backoffice_chassis import (
    Audit,
    FieldError,
    Page,
    Paging,
    Principal,
    RequiredIfMatch,
    Router,
    Unit,
    audits,
    check_version,
    conflict,
    etag,
    invalid,
    not_found,
    requires,
)
from backoffice_chassis.http.vocabulary import Day
from ledger.accounts import repository
from ledger.accounts.domain import AccountStatus
from ledger.accounts.repository import Period
from ledger.accounts.schemas import (
    Account,
    CurrencyTotal,
    Statement,
    StatementLine,
    StatusChange,
    TrialBalance,
    TrialBalanceLine,
)
from ledger.permissions import MAINTAIN_ACCOUNTS
from ledger.reading import ChartReader, Currency, Name, Reader, hold_view

router: Final = Router(tags=["accounts"])

Code = Annotated[str, Path(pattern="^[0-9]{4}$", description="Account code, four digits.")]
Finance = Annotated[Principal, requires(MAINTAIN_ACCOUNTS)]
Recorder = Annotated[Audit, audits("account")]


@router.get("/accounts")
async def list_accounts(unit: Unit, _: ChartReader, page: Paging) -> Page[Account]:
    """Return the chart of accounts."""
    rows, cursor = await repository.accounts(unit.connection, page)
    return Page(items=[Account(**row._mapping) for row in rows], next_cursor=cursor)


@router.get("/accounts/{code}")
async def get_account(code: Code, unit: Unit, _: ChartReader, response: Response) -> Account:
    """Return one account; its ETag is needed to open or close it."""
    return _answer(await _existing(unit, code), response)


@router.post("/accounts/{code}/close")
async def close_account(
    *,
    code: Code,
    change: StatusChange,
    unit: Unit,
    who: Finance,
    audit: Recorder,
    expected: RequiredIfMatch,
    response: Response,
) -> Account:
    """Close an account: from now on the books refuse every line on it, and events that need one are dead letters."""
    found = await _expected(unit, code, expected)
    changed = await _set_status(unit, found, AccountStatus.CLOSED, change, who)
    await _record(audit, unit, found, changed, change)
    return _answer(changed, response)


@router.post("/accounts/{code}/open")
async def open_account(
    *,
    code: Code,
    change: StatusChange,
    unit: Unit,
    who: Finance,
    audit: Recorder,
    expected: RequiredIfMatch,
    response: Response,
) -> Account:
    """Open an account again; then redrive the dead letters that waited for it."""
    found = await _expected(unit, code, expected)
    changed = await _set_status(unit, found, AccountStatus.OPEN, change, who)
    await _record(audit, unit, found, changed, change)
    return _answer(changed, response)


@router.get("/trial-balance")
async def get_trial_balance(
    unit: Unit,
    principal: Reader,
    as_of: Annotated[Day | None, Query(description="Last day of the books that counts.")] = None,
    book: Annotated[Name | None, Query()] = None,
) -> TrialBalance:
    """Return the balance of every account and currency up to the end of a day, and the column totals.

    To whoever is limited to some entities or books, what those come to.
    """
    rows = await repository.trial_balance(unit.connection, principal.scope, as_of, book)
    lines = [_trial_balance_line(row) for row in rows]
    totals = _totals(lines)
    balanced = all(total.debit == total.credit for total in totals)
    return TrialBalance(as_of=as_of, book=book, lines=lines, totals=totals, balanced=balanced)


@router.get("/accounts/{code}/statement")
async def get_statement(
    *,
    code: Code,
    unit: Unit,
    principal: Reader,
    page: Paging,
    currency: Annotated[Currency, Query(description="ISO 4217 code.")],
    date_from: Annotated[Day | None, Query()] = None,
    date_to: Annotated[Day | None, Query()] = None,
    book: Annotated[Name | None, Query()] = None,
) -> Statement:
    """Return an account's opening balance, its lines a page at a time, and its closing balance, of books in scope."""
    if date_from is not None and date_to is not None and date_to < date_from:
        raise invalid([FieldError("/query/date_to", "must not be before date_from")])
    await hold_view(unit.connection)
    await _existing(unit, code)
    period = Period(code, currency, date_from, date_to, book, principal.scope)
    opening, closing = await repository.opening_and_closing(unit.connection, period)
    rows, cursor = await repository.statement_lines(unit.connection, period, page)
    return Statement(
        items=[StatementLine(**row._mapping) for row in rows],
        next_cursor=cursor,
        account=code,
        currency=currency,
        date_from=date_from,
        date_to=date_to,
        opening_balance=opening,
        closing_balance=closing,
    )


async def _existing(unit: Unit, code: str, *, lock: bool = False) -> Row[Any]:
    found = await repository.find(unit.connection, code, lock=lock)
    if found is None:
        raise not_found("account", code)
    return found


async def _expected(unit: Unit, code: str, version: int) -> Row[Any]:
    found = await _existing(unit, code, lock=True)
    check_version(version, found.version)
    return found


async def _set_status(
    unit: Unit, found: Row[Any], status: AccountStatus, change: StatusChange, by: Principal
) -> Row[Any]:
    if found.status == status:
        raise conflict("account-status", f"Account {found.code} is {status.value.lower()} already.")
    await repository.change_status(
        unit.connection, found, status, reason=change.reason, by=by.subject, at=unit.now
    )
    return await _existing(unit, found.code)


async def _record(audit: Audit, unit: Unit, before: Row[Any], after: Row[Any], change: StatusChange) -> None:
    await audit.record(unit, after.code, before=before, after={**after._mapping, "reason": change.reason})


def _answer(found: Row[Any], response: Response) -> Account:
    response.headers["ETag"] = etag(found.version)
    return Account(**found._mapping)


def _trial_balance_line(row: Row[Any]) -> TrialBalanceLine:
    net = row.debit - row.credit
    return TrialBalanceLine(
        account=row.code,
        name=row.name,
        type=row.type,
        currency=row.currency,
        debit_turnover=row.debit,
        credit_turnover=row.credit,
        debit_balance=max(net, Decimal(0)),
        credit_balance=max(-net, Decimal(0)),
    )


def _totals(lines: Sequence[TrialBalanceLine]) -> list[CurrencyTotal]:
    return [
        CurrencyTotal(
            currency=currency,
            debit=sum((line.debit_balance for line in lines if line.currency == currency), Decimal(0)),
            credit=sum((line.credit_balance for line in lines if line.currency == currency), Decimal(0)),
        )
        for currency in sorted({line.currency for line in lines})
    ]
