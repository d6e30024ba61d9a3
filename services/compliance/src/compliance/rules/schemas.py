"""Rules as clients propose and see them: one shape for each kind."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from backoffice_chassis.http.vocabulary import Code, Currency, Day, Isin, Lei, Money, Reason
from backoffice_events.contracts.vocabulary import InstrumentType
from compliance.rules.domain import ANY, ListKind, OrderScope, Outcome, PositionScope, Terms
from compliance.screening.domain import FLOOR

Stop = Literal[Outcome.HOLD, Outcome.BLOCK]
Reaction = Literal[Outcome.WARN, Outcome.HOLD, Outcome.BLOCK]
Name = Annotated[
    Code | Literal["*"], Field(description="Whom it limits; `*`: any that has no limit of its own.")
]
Percent = Annotated[Money, Field(gt=0, le=1000)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    valid_from: Day = Field(description="First trade date it holds for.")
    valid_to: Day | None = Field(default=None, description="Last trade date; null: until it is replaced.")
    active: bool = Field(default=True, description="false: from valid_from on there is no such rule.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "_Rule":
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to must not be before valid_from")
        return self


class RestrictedListEntry(_Rule):
    """Nobody may deal in the instrument. valid_from: the wall was crossed; valid_to: the last day before cleansing."""

    kind: Literal["restricted-list"]
    isin: Isin
    outcome: Stop


class WatchListEntry(_Rule):
    """Dealing in the instrument is noted."""

    kind: Literal["watch-list"]
    isin: Isin


class OrderValueLimit(_Rule):
    """The largest gross amount of one trade."""

    kind: Literal["order-value-limit"]
    scope: OrderScope
    name: Name = ANY
    currency: Currency
    limit: Money
    outcome: Reaction


class PositionLimit(_Rule):
    """The largest gross position."""

    kind: Literal["position-limit"]
    scope: PositionScope
    name: Name = ANY
    currency: Currency
    limit: Money
    outcome: Reaction


class PriceTolerance(_Rule):
    """How far a price may lie from the reference price."""

    kind: Literal["price-tolerance"]
    instrument_type: InstrumentType
    percent: Percent
    outcome: Reaction


class DuplicatePolicy(_Rule):
    """What a possible duplicate leads to."""

    kind: Literal["duplicate-policy"]
    outcome: Reaction


class ScreeningPolicy(_Rule):
    """Which score of a match with a sanctions list holds a trade, and which lists must be loaded."""

    kind: Literal["screening-policy"]
    threshold: Annotated[Money, Field(ge=FLOOR, le=100)]
    required_lists: list[ListKind] = []


class Whitelisting(_Rule):
    """A match that people found false. It lapses when the counterparty or the list entry changes."""

    kind: Literal["whitelisting"]
    lei: Lei
    list_kind: ListKind
    entry_id: Code


RuleProposal = Annotated[
    RestrictedListEntry
    | WatchListEntry
    | OrderValueLimit
    | PositionLimit
    | PriceTolerance
    | DuplicatePolicy
    | ScreeningPolicy
    | Whitelisting,
    Field(discriminator="kind"),
]


class ChangeProposal(BaseModel):
    """Rules that are to hold, and why. They take effect together, when somebody else approves."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    rules: Annotated[list[RuleProposal], Field(min_length=1, max_length=5000)]


class RuleView(BaseModel):
    """A rule as it is kept."""

    rule_id: str
    change_id: str
    kind: str
    subject: str
    valid_from: date
    valid_to: date | None
    active: bool
    terms: dict[str, Any]


class ChangeView(BaseModel):
    """A change that was approved; its id is that of the approval."""

    change_id: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime


class ChangeStory(ChangeView):
    """A change with its rules."""

    rules: list[RuleView]


_DATES = {"valid_from", "valid_to", "active"}


def terms_of(proposal: _Rule, **known: str) -> Terms:
    """Return what the proposal says. known: what the service adds, such as digests of what was looked at."""
    fields = proposal.model_dump(mode="json", exclude=_DATES)
    terms: Terms = msgspec.convert({**fields, **known}, Terms)
    return terms
