"""Trades as they come and go over HTTP: form is checked here, sense (a quantity above zero) in the domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    StrictInt,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_wrap_validator_function

from backoffice_chassis.http.vocabulary import Amount, Code, Day, Figure
from backoffice_chassis.http.vocabulary import ShortText as Text
from backoffice_events.contracts.vocabulary import ChargeType, Side

MOST_TRADES = 1_000

Version = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


def _text(value: Any) -> Any:
    if isinstance(value, str | datetime):
        return value
    raise ValueError("must be a time such as 2026-11-23T14:30:00Z")


# Text alone: Pydantic would take a number for seconds since 1970.
Instant = Annotated[AwareDatetime, BeforeValidator(_text)]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source_system: Text = Field(examples=["EQ-DESK"], description="The system that the trade was done in")
    trade_reference: Text = Field(examples=["T-2026-000001"], description="The trade's name in that system")


class ChargeIn(BaseModel):
    """One charge on top of the gross amount."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ChargeType
    amount: Amount


class _Terms(_Stated):
    side: Side = Field(description="Ours")
    isin: Code = Field(examples=["US0378331005"])
    mic: Code = Field(examples=["XNAS"])
    quantity: Amount = Field(description="Units, or face amount for a bond", examples=["100"])
    price: Amount = Field(description="Per unit; for a bond per 100 of face, clean", examples=["210.50"])
    currency: Code = Field(examples=["USD"])
    trade_date: Day
    executed_at: Instant
    book: Text
    trader: Text = Field(description="Employee id")
    counterparty_lei: Code
    settlement_date: Day | None = Field(default=None, description="Only when agreed to differ from the cycle")
    charges: Annotated[list[ChargeIn], Field(max_length=20)] = []
    accrued_interest: Amount | None = Field(default=None, description="Bonds only, to settlement date")


class NewTradeIn(_Terms):
    """A trade was done."""

    action: Literal["NEW"] = "NEW"
    version: Literal[1] = 1


class CorrectionIn(_Terms):
    """A trade's terms were wrong; these, all of them stated again, replace them."""

    action: Literal["CORRECT"]
    version: Version


class CancellationIn(_Stated):
    """A trade never was."""

    action: Literal["CANCEL"]
    version: Version
    reason: Text


def _action(value: Any) -> str:
    action = value.get("action", "NEW") if isinstance(value, dict) else getattr(value, "action", "NEW")
    return action if isinstance(action, str) else "NEW"


StatementIn = Annotated[
    Annotated[NewTradeIn, Tag("NEW")]
    | Annotated[CorrectionIn, Tag("CORRECT")]
    | Annotated[CancellationIn, Tag("CANCEL")],
    Discriminator(_action),
]


@dataclass(frozen=True, slots=True)
class Submitted:
    """A statement as it was submitted. in_form: None where errors says which fields of body are not in form.

    Form alone does not refuse it, so that what is wrong with its sense can be told in the same answer.
    """

    in_form: NewTradeIn | CorrectionIn | CancellationIn | None
    body: Any
    errors: Sequence[Any] = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and describe it as `StatementIn`."""
        return no_info_wrap_validator_function(cls._read, handler.generate_schema(StatementIn))

    @classmethod
    def _read(cls, body: Any, read: ValidatorFunctionWrapHandler) -> "Submitted":
        try:
            return cls(read(body), body)
        except ValidationError as error:
            return cls(None, body, error.errors(include_url=False))


class BulkIn(BaseModel):
    """Statements taken in the order given. Each is an object as `POST /trades` takes it."""

    model_config = ConfigDict(extra="forbid")

    trades: list[Any] = Field(min_length=1, max_length=MOST_TRADES)


class ReasonOut(BaseModel):
    """One thing that is wrong."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    field: str
    message: str


class OutcomeOut(BaseModel):
    """What became of a statement. reasons: why it waits in the repair queue, if it does."""

    result: str
    trade_id: str | None = None
    version: int | None = None
    repair_id: str | None = None
    reasons: Sequence[ReasonOut] = ()


class BulkRowOut(OutcomeOut):
    """What became of one row. row: its place, from 0."""

    row: int


class BulkOut(BaseModel):
    """What became of a bulk. results: how many rows of each result. rows: each of them."""

    results: dict[str, int]
    rows: list[BulkRowOut]


class DifferenceOut(BaseModel):
    """One field on which the two sides disagree."""

    field: str
    ours: str
    theirs: str
    reason: str


class TradeOut(BaseModel):
    """A trade as it stands. confirmation_*: of its current version."""

    model_config = ConfigDict(from_attributes=True)

    trade_id: str
    source_system: str
    trade_reference: str
    version: int
    source_version: int
    status: Literal["CAPTURED", "CANCELLED"]
    confirmation_status: Literal["UNCONFIRMED", "CONFIRMED", "MISMATCHED"]
    side: Side
    isin: str
    mic: str
    instrument_type: str
    quantity: Amount
    price: Amount
    currency: str
    gross_amount: Amount
    net_amount: Amount
    trade_date: date
    settlement_date: date
    settlement_calendar: str
    book: str
    trader: str
    counterparty_lei: str
    repaired: bool
    captured_at: datetime
    updated_at: datetime
    confirmation_reference: str | None
    confirmation_version: int | None
    differences: list[DifferenceOut] | None
    accepted_by: str | None


class HistoryEvent(BaseModel):
    """Something that happened to the trade. detail: what, as far as it differs by kind."""

    at: datetime
    event: str
    by: str
    detail: dict[str, Any]


class TradeHistoryOut(BaseModel):
    """A trade in full, and all that ever happened to it, the earliest first."""

    trade: TradeOut
    state: dict[str, Any]
    history: list[HistoryEvent]


class MeasureOut(BaseModel):
    """A number of trades and their gross value by currency."""

    count: int
    value: dict[str, Figure]


class RateOut(BaseModel):
    """A share, by count and by value in each currency; null where there is nothing to share in."""

    count: Figure | None
    value: dict[str, Figure | None]


class StpMetricsOut(BaseModel):
    """How trades of a range of trade dates went through: numbers, and rates from 0 to 1."""

    trade_date_from: date
    trade_date_to: date
    measures: dict[str, MeasureOut]
    rates: dict[str, RateOut]


class ControlTradeOut(BaseModel):
    """A trade's keys and states, for reconciling.

    partition, record_offset: where on the front office's topic the last record lay that the trade was taken from, and
    recorded_at when it was; null where all came over HTTP.
    """

    model_config = ConfigDict(from_attributes=True)

    trade_id: str
    source_system: str
    trade_reference: str
    version: int
    source_version: int
    status: str
    confirmation_status: str
    side: str
    isin: str
    book: str
    quantity: Amount
    currency: str
    net_amount: Amount
    trade_date: date
    settlement_date: date
    partition: int | None
    record_offset: int | None
    recorded_at: datetime | None


class ControlRepairOut(BaseModel):
    """A repair entry's keys and state, for reconciling."""

    model_config = ConfigDict(from_attributes=True)

    repair_id: str
    source_system: str
    trade_reference: str
    source_version: int | None
    status: str
    trade_id: str | None
