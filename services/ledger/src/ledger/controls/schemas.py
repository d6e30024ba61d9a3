"""What the books prove of themselves, as it is served."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Figure
from ledger.journals.domain import JournalKind


class CurrencyControl(BaseModel):
    """Totals of one currency over all lines; balances are debit minus credit."""

    currency: str
    debit: Figure
    credit: Figure
    balanced: bool
    cash: Figure
    receivable_unsettled: Figure
    payable_unsettled: Figure
    fails_to_deliver: Figure
    fails_to_receive: Figure


class Difference(BaseModel):
    """A key under which a rollup and what it is made of disagree, in words."""

    key: str = Field(
        description="Posting date, account, currency and book; of a position date, book and ISIN."
    )
    rollup: str = Field(description="What is kept.")
    lines: str = Field(description="What the lines, or the movements, add up to.")


class ControlTotals(BaseModel):
    """Totals of the whole books, computed from the lines themselves and compared with what is kept beside them."""

    ok: bool = Field(description="Every control below holds.")
    trades: int
    journals: int
    lines: int
    movements: int
    reversals: int
    balanced: bool = Field(description="Debits equal credits in every journal and currency.")
    unbalanced_journals: list[UUID] = Field(description="The first of those that do not balance.")
    incomplete_journals: int = Field(description="Journals whose lines or movement are missing.")
    duplicates: int = Field(description="Journals posted twice for one event, or for one key of a trade.")
    rollups_equal_lines: bool
    balance_differences: list[Difference] = Field(
        description="The first accounts whose rollup is not their lines."
    )
    positions_equal_movements: bool
    position_differences: list[Difference]
    positions_add_up: bool = Field(
        description="Settled + unsettled + failing = trade-date, in every position."
    )
    currencies: list[CurrencyControl]


class JournalReference(BaseModel):
    """One journal of a trade."""

    journal_id: UUID
    kind: JournalKind
    trade_version: int
    source_event_id: UUID
    csd_reference: str | None
    reverses: UUID | None
    posting_date: date
    recorded_at: datetime


class TradeAmounts(BaseModel):
    """Balances that a trade's journals leave in one currency, debit minus credit."""

    currency: str
    unsettled: Figure
    fails: Figure
    cash: Figure


class TradeExtract(BaseModel):
    """All that the books say of one trade."""

    trade_id: UUID
    trade_date_quantity: Figure
    settled_quantity: Figure
    unsettled_quantity: Figure
    failing_quantity: Figure
    amounts: list[TradeAmounts]
    journals: list[JournalReference]
