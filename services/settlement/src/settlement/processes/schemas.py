"""Settlements as callers see them."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Amount, Code, Day, Isin, Lei, ShortText
from settlement.instructions.domain import Matching, Pending, Processing
from settlement.processes.domain import State


class SettlementFilters(BaseModel):
    """What to list; what is not given does not matter."""

    state: State | None = None
    processing_status: Processing | None = None
    matching_status: Matching | None = None
    settlement_status: Pending | None = None
    failing: bool | None = None
    late: bool | None = None
    settlement_date: Day | None = None
    book: Code | None = None
    counterparty_lei: Lei | None = None
    isin: Isin | None = None
    source_system: ShortText | None = None
    trade_reference: ShortText | None = None


class StatusView(BaseModel):
    """A status of the CSD's and its reason, as ISO codes."""

    status: str | None
    reason: str | None


class InstructionView(BaseModel):
    """One instruction and where it stands at the CSD."""

    instruction_id: str = Field(description="The account owner's transaction id (TxId) at the CSD.")
    number: int = Field(description="1, 2, 3… per trade.")
    trade_version: int = Field(
        description="The version whose terms the CSD was told: it may have others since."
    )
    side: str
    isin: str
    currency: str
    book: str
    settlement_date: date = Field(description="Intended settlement date.")
    quantity: Amount
    amount: Amount
    settled_quantity: Amount
    settled_amount: Amount
    remaining_quantity: Amount
    remaining_amount: Amount
    processing: StatusView = Field(description="sese.024: PACK, PPRC, REJT, REPR, CAND or CANP.")
    matching: StatusView = Field(description="sese.024: MACH or NMAT.")
    settlement: StatusView = Field(description="sese.024: PEND or PENF; settled is what sese.025 says.")
    cancellation: StatusView = Field(description="REQD, then sese.027: PACK, CANP, CAND, DEND or REJT.")
    failing: bool
    failed_on: date | None
    days_failing: int = Field(
        description="Business days that ended since the intended settlement date, unsettled."
    )
    settled_on: date | None = Field(description="The CSD's settlement date of the last part.")
    instructed_at: datetime


class SettlementView(BaseModel):
    """One trade's settlement."""

    trade_id: str
    version: int
    state: str = Field(
        description="AWAITING_INSTRUCTION, INSTRUCTED, PARTIALLY_SETTLED, SETTLED, REJECTED (the CSD rejected the"
        " instruction, or cancelled it unasked) or CANCELLED (the trade was)."
    )
    trade_version: int
    cancelled: bool
    confirmed: bool = Field(description="The counterparty agrees with the current version.")
    decision: str | None = Field(description="Compliance's decision on the current version.")
    source_system: str | None
    trade_reference: str | None
    side: str | None
    isin: str | None
    instrument_type: str | None
    currency: str | None
    quantity: Amount | None
    amount: Amount | None
    trade_date: date | None
    settlement_date: date | None
    settlement_calendar: str | None
    book: str | None
    entity_lei: str | None
    counterparty_lei: str | None
    late: bool
    exceptions: list[str] = Field(description="Kinds of exception that hold now.")
    instruction: InstructionView | None = Field(description="The last instruction sent.")
    updated_at: datetime


class HistoryView(BaseModel):
    """One thing that happened, with the message that was exchanged, if any."""

    kind: str
    instruction_id: str | None
    occurred_at: datetime
    recorded_at: datetime
    event_id: str | None
    details: dict[str, Any]
    document: str | None = Field(description="ISO 20022 message as XML.")


class SettlementStory(SettlementView):
    """One trade's settlement with all that ever happened to it."""

    instructions: list[InstructionView]
    history: list[HistoryView]
