"""Journals as they are served."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Figure
from ledger.journals.domain import JournalKind


class JournalLine(BaseModel):
    """One line: either its debit or its credit is zero."""

    line_number: int
    account: str
    currency: str
    debit: Figure
    credit: Figure


class StockMovement(BaseModel):
    """Change of the book's holding: trade_date = settled + unsettled + failing."""

    trade_date_quantity: Figure
    settled_quantity: Figure
    unsettled_quantity: Figure
    failing_quantity: Figure


class JournalDocument(BaseModel):
    """A posted journal with its lines, its movement of securities and its reversal links."""

    journal_id: UUID
    kind: JournalKind
    trade_id: UUID
    trade_version: int
    source_event_id: UUID = Field(description="The event that posted it.")
    instruction_id: str | None = Field(description="Our transaction id at the CSD.")
    csd_reference: str | None
    reverses: UUID | None = Field(description="The journal that this one takes back.")
    reversed_by: UUID | None = Field(description="The journal that takes this one back.")
    effective_date: date
    posting_date: date
    settlement_calendar: str
    entity_lei: str
    book: str
    isin: str
    recorded_at: datetime
    lines: list[JournalLine]
    movement: StockMovement
