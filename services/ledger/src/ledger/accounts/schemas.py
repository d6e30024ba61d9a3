"""Accounts, trial balances and statements as they are served."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from backoffice_chassis import Page
from backoffice_chassis.http.vocabulary import Figure, Reason
from ledger.accounts.domain import AccountStatus, AccountType, NormalSide
from ledger.journals.domain import JournalKind


class Account(BaseModel):
    """An account of the chart."""

    code: str
    name: str
    type: AccountType
    normal_side: NormalSide = Field(description="The side on which the account grows.")
    status: AccountStatus = Field(description="A closed account takes no postings.")
    version: int


class StatusChange(BaseModel):
    """Why an account is opened or closed."""

    reason: Reason


class TrialBalanceLine(BaseModel):
    """What stands on one account in one currency: turnover, and the balance in its column."""

    account: str
    name: str
    type: AccountType
    currency: str
    debit_turnover: Figure
    credit_turnover: Figure
    debit_balance: Figure
    credit_balance: Figure


class CurrencyTotal(BaseModel):
    """Column totals of one currency: the two agree."""

    currency: str
    debit: Figure
    credit: Figure


class TrialBalance(BaseModel):
    """All balances up to the end of a day of the books; without one, everything posted."""

    as_of: date | None
    book: str | None
    lines: list[TrialBalanceLine]
    totals: list[CurrencyTotal]
    balanced: bool


class StatementLine(BaseModel):
    """One posting on the account. amount: a debit is positive, a credit negative."""

    posting_date: date
    journal_id: UUID
    line_number: int
    kind: JournalKind
    trade_id: UUID
    book: str
    isin: str
    amount: Figure


class Statement(Page[StatementLine]):
    """An account's postings in one currency over a period: opening + all lines = closing, debits positive."""

    account: str
    currency: str
    date_from: date | None
    date_to: date | None
    opening_balance: Figure
    closing_balance: Figure
