"""Reference data as it comes over HTTP: form is checked here, sense in `domain.checks`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from backoffice_chassis.http.vocabulary import Code, Day, Price
from backoffice_chassis.http.vocabulary import ShortText as Text
from backoffice_events.contracts.reference import BusinessDayStatus
from backoffice_events.contracts.vocabulary import InstrumentType, Measurement

MOST_ROWS = 5_000


class _Stated(BaseModel):
    """What a caller states of a record; the version is ours to give."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InstrumentIn(_Stated):
    """An instrument as listed on one market."""

    isin: Code = Field(examples=["US0378331005"], description="ISO 6166, check digit verified")
    mic: Code = Field(examples=["XNAS"], description="ISO 10383, not expired")
    name: Text = Field(examples=["Apple Inc."])
    cfi: Code = Field(examples=["ESVUFR"], description="ISO 10962; X where not known")
    instrument_type: InstrumentType
    currency: Code = Field(examples=["USD"], description="ISO 4217, of the price")
    active: StrictBool = True
    reference_price: Price | None = Field(
        default=None, description="Last known price per unit; for a bond per 100 of face, clean"
    )
    price_date: Day | None = Field(default=None, description="Day of the reference price")


class CounterpartyIn(_Stated):
    """A party the firm trades with."""

    lei: Code = Field(examples=["549300HBJLRO8YFMI370"], description="ISO 17442, check digits verified")
    name: Text
    bic: Code = Field(examples=["DTCYUS33XXX"], description="ISO 9362, 8 or 11 characters")
    country: Code | None = Field(default=None, examples=["US"], description="ISO 3166 alpha-2")
    active: StrictBool = True


class BookIn(_Stated):
    """A trading book."""

    book: Code = Field(examples=["EQ-US-1"])
    name: Text
    entity_lei: Code = Field(description="LEI of the legal entity that the book belongs to")
    measurement: Measurement = Field(description="IFRS 9 classification of its investments")
    active: StrictBool = True


class SettlementInstructionIn(_Stated):
    """A standing settlement instruction."""

    party: Code = Field(description="LEI of the counterparty, or of our own entity")
    place_of_settlement: Code = Field(examples=["DTCYUS33XXX"], description="BIC of the CSD")
    currency: Code
    agent_bic: Code
    safekeeping_account: Code
    cash_account: Code
    effective_from: Day = Field(description="First settlement date for which it holds")
    active: StrictBool = True


class SettlementCycleIn(_Stated):
    """How a market settles a kind of instrument from a trade date on."""

    mic: Code
    instrument_type: InstrumentType
    effective_from: Day = Field(description="First trade date for which it holds")
    days: StrictInt = Field(ge=0, le=10, description="Settlement days after the trade date: n of T+n")
    settlement_calendar: Code = Field(examples=["US"])
    place_of_settlement: Code = Field(description="BIC of the CSD")


class CalendarIn(_Stated):
    """A settlement calendar: each weekday not in `closures` is a settlement day."""

    calendar: Code = Field(examples=["TARGET"])
    name: Text
    valid_from: Day
    valid_to: Day
    closures: Annotated[tuple[Day, ...], Field(max_length=5_000)]


class _Recorded(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    version: int = Field(description="1, 2, 3…; also the ETag")


class InstrumentOut(InstrumentIn, _Recorded):
    """An instrument on record."""


class CounterpartyOut(CounterpartyIn, _Recorded):
    """A counterparty on record."""


class BookOut(BookIn, _Recorded):
    """A book on record."""


class SettlementInstructionOut(SettlementInstructionIn, _Recorded):
    """A standing settlement instruction on record."""


class SettlementCycleOut(SettlementCycleIn, _Recorded):
    """A settlement cycle on record."""


class CalendarOut(CalendarIn, _Recorded):
    """A calendar on record."""


class VersionOut(BaseModel):
    """One version of a record: what was recorded, when and by whom."""

    record: dict[str, Any]
    recorded_at: datetime
    recorded_by: str


class BulkLoad(BaseModel):
    """A load: each row as in the PUT of a single record. Rows are judged one by one."""

    rows: Annotated[list[Any], Field(max_length=MOST_ROWS)]


class RowFault(BaseModel):
    """One field at fault."""

    field: str
    reason: str


class RefusedRowOut(BaseModel):
    """A row that was not taken. row: its place in the load, from 0."""

    row: int
    errors: Sequence[RowFault]


class LoadOut(BaseModel):
    """What became of a load. proposed: changes that wait for a second person (settlement instructions only)."""

    changed: int
    unchanged: int
    proposed: int = 0
    refused: list[RefusedRowOut]


class BusinessDayOut(BaseModel):
    """The firm's day on a calendar."""

    model_config = ConfigDict(from_attributes=True)

    calendar: str
    business_date: Day
    status: BusinessDayStatus
    version: int


class BusinessDayStep(BaseModel):
    """The day to open, or to close."""

    business_date: Day


class BusinessDayRoll(BaseModel):
    """The day to close, after which the next settlement day opens; the open one if left out."""

    business_date: Day | None = Field(default=None, description="State it, and a roll sent twice rolls once")
