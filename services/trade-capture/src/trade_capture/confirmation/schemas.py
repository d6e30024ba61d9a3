"""Confirmations and tolerances as they come and go over HTTP."""

from datetime import date, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from backoffice_chassis.http.vocabulary import Amount, Code, Day, Money, Reason
from backoffice_chassis.http.vocabulary import ShortText as Text
from backoffice_events.contracts.vocabulary import Side
from trade_capture.confirmation.domain import TolerancedField, ToleranceRule

ConfirmationState = Literal["CONFIRMED", "MISMATCHED", "ALLEGED", "SUPERSEDED"]

_NEEDS = {
    ToleranceRule.EXCT: set[str](),
    ToleranceRule.PTOL: {"percentage"},
    ToleranceRule.PTMX: {"percentage", "maximum"},
    ToleranceRule.MNMX: {"minimum", "maximum"},
    ToleranceRule.NUFM: {"units"},
    ToleranceRule.CPOP: set[str](),
}


class ConfirmationFilters(BaseModel):
    """Which confirmations; filters narrow one another."""

    model_config = ConfigDict(extra="ignore")

    status: ConfirmationState | None = None
    source_system: Text | None = None
    trade_reference: Text | None = None
    counterparty_lei: Code | None = None


class ConfirmationOut(BaseModel):
    """What a counterparty stated. status: SUPERSEDED by a higher version; ALLEGED: no live trade that it speaks for."""

    model_config = ConfigDict(from_attributes=True)

    confirmation_id: str
    status: ConfirmationState
    trade_id: str | None
    trade_version: int | None
    source_system: str
    trade_reference: str
    counterparty_lei: str
    confirmation_reference: str
    version: int
    side: Side
    isin: str
    quantity: Amount
    price: Amount
    currency: str
    net_amount: Amount
    trade_date: date
    settlement_date: date
    received_at: datetime


class AcceptIn(BaseModel):
    """Why a confirmation holds although it differs. trade_version: the one that was looked at."""

    model_config = ConfigDict(extra="forbid")

    trade_version: StrictInt = Field(ge=1, le=2**31 - 1)
    reason: Reason


class AcceptedOut(BaseModel):
    """The trade after the acceptance."""

    trade_id: str
    trade_version: int
    confirmation_status: str
    confirmation_reference: str | None
    accepted_by: str | None


class ToleranceIn(BaseModel):
    """A tolerance for trades from a date on, for one counterparty or (without one) for all others."""

    model_config = ConfigDict(extra="forbid")

    counterparty_lei: Code | None = None
    field: TolerancedField
    effective_from: Day
    rule: ToleranceRule
    percentage: Money | None = Field(default=None, description="Of our value; PTOL and PTMX")
    minimum: Money | None = Field(default=None, description="How far below ours theirs may be; MNMX")
    maximum: Money | None = Field(
        default=None, description="How far above (MNMX), or at most either way (PTMX)"
    )
    units: Money | None = Field(default=None, description="How far either way, in the field's measure; NUFM")

    @model_validator(mode="after")
    def _has_its_numbers(self) -> Self:
        given = {
            name for name in ("percentage", "minimum", "maximum", "units") if getattr(self, name) is not None
        }
        if given != _NEEDS[self.rule]:
            needed = ", ".join(sorted(_NEEDS[self.rule])) or "no number"
            raise ValueError(f"{self.rule} takes {needed}")
        return self


class ToleranceOut(ToleranceIn):
    """A tolerance on record."""

    model_config = ConfigDict(from_attributes=True)

    tolerance_id: str
    recorded_by: str
    recorded_at: datetime
