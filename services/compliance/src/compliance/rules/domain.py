"""Rules as dated data: what each kind says, and which row of each stands on a given day.

A rule is never changed. A later row of the same kind and subject replaces the earlier one from its own first
day on; a row with `active` false says that from that day there is no such rule. Of rows with one first day
the last approved stands.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum, auto
from typing import TypeAlias

import msgspec

from backoffice_events.contracts.vocabulary import InstrumentType


class Outcome(StrEnum):
    """What one check says of a trade, in rising severity."""

    PASS = auto()
    WARN = auto()
    HOLD = auto()
    BLOCK = auto()


class ListKind(StrEnum):
    """The sanctions lists that the service reads."""

    OFAC_SDN = "ofac-sdn"
    OFAC_CONSOLIDATED = "ofac-consolidated"
    UN_CONSOLIDATED = "un-consolidated"


class OrderScope(StrEnum):
    """What an order value limit is set on."""

    FIRM = "FIRM"
    BOOK = "BOOK"
    TRADER = "TRADER"
    INSTRUMENT_TYPE = "INSTRUMENT_TYPE"


class PositionScope(StrEnum):
    """What a gross position limit is set on."""

    BOOK = "BOOK"
    TRADER = "TRADER"
    INSTRUMENT = "INSTRUMENT"


ANY = "*"
"""Stands for every book, trader, instrument or type that has no limit of its own."""


class _Terms(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a rule says. A later row of the same kind and `subject` replaces it."""


class RestrictedListEntry(_Terms, frozen=True, kw_only=True, tag="restricted-list"):
    """Nobody at the firm may deal in the instrument: valid from the day the firm crossed the wall until
    cleansed.

    outcome: hold when a person may still let a trade through, block when nobody may.
    """

    isin: str
    outcome: Outcome

    @property
    def subject(self) -> str:
        """The instrument."""
        return self.isin


class WatchListEntry(_Terms, frozen=True, kw_only=True, tag="watch-list"):
    """Dealing in the instrument is noted, not stopped, so that surveillance can look back at it."""

    isin: str

    @property
    def subject(self) -> str:
        """The instrument."""
        return self.isin


class OrderValueLimit(_Terms, frozen=True, kw_only=True, tag="order-value-limit"):
    """The largest gross amount of one trade. limit: in `currency`; a trade of exactly the limit passes.

    name: the book, trader or instrument type; `*` for any that has no limit of its own.
    """

    scope: OrderScope
    name: str
    currency: str
    limit: Decimal
    outcome: Outcome

    @property
    def subject(self) -> str:
        """The scope, its name, the currency and what a breach leads to: a hold and a block may coexist."""
        return f"{self.scope}:{self.name}:{self.currency}:{self.outcome}"


class PositionLimit(_Terms, frozen=True, kw_only=True, tag="position-limit"):
    """The largest gross position: absolute net quantity, valued as positions are, summed over instruments.

    limit: in `currency`; positions in other currencies do not count towards it. name: as for order value
    limits.
    """

    scope: PositionScope
    name: str
    currency: str
    limit: Decimal
    outcome: Outcome

    @property
    def subject(self) -> str:
        """The scope, its name, the currency and what a breach leads to."""
        return f"{self.scope}:{self.name}:{self.currency}:{self.outcome}"


class PriceTolerance(_Terms, frozen=True, kw_only=True, tag="price-tolerance"):
    """How far a price may lie from the reference price. percent: of the reference price, both ways."""

    instrument_type: InstrumentType
    percent: Decimal
    outcome: Outcome

    @property
    def subject(self) -> str:
        """The instrument type."""
        return self.instrument_type


class DuplicatePolicy(_Terms, frozen=True, kw_only=True, tag="duplicate-policy"):
    """What a possible duplicate leads to."""

    outcome: Outcome

    @property
    def subject(self) -> str:
        """There is one for the firm."""
        return ANY


class ScreeningPolicy(_Terms, frozen=True, kw_only=True, tag="screening-policy"):
    """When a match with a sanctions list counts.

    threshold: the lowest score (0 to 100) that holds a trade. required_lists: lists without which no trade
    clears.
    """

    threshold: Decimal
    required_lists: tuple[ListKind, ...] = ()

    @property
    def subject(self) -> str:
        """There is one for the firm."""
        return ANY


class Whitelisting(_Terms, frozen=True, kw_only=True, tag="whitelisting"):
    """A match that people found false. It holds only while both sides stay as they were looked at.

    counterparty_digest, entry_digest: of the screened details of the counterparty, and of the list entry.
    """

    lei: str
    list_kind: ListKind
    entry_id: str
    counterparty_digest: str
    entry_digest: str

    @property
    def subject(self) -> str:
        """The counterparty and the list entry."""
        return f"{self.lei}:{self.list_kind}:{self.entry_id}"


Terms: TypeAlias = (
    RestrictedListEntry
    | WatchListEntry
    | OrderValueLimit
    | PositionLimit
    | PriceTolerance
    | DuplicatePolicy
    | ScreeningPolicy
    | Whitelisting
)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One approved row. valid_from, valid_to: first and last trade date it holds for; valid_to None =
    open-ended.

    approval: order of approval, 1, 2, 3…; active: false ends what an earlier row said, for as long as it is valid.
    """

    rule_id: str
    terms: Terms
    valid_from: date
    valid_to: date | None
    active: bool
    approval: int


def standing(rules: Iterable[Rule], on: date) -> list[Rule]:
    """Return the rules in force on a trade date: one at most for each kind and subject.

    Of the rows valid on the date the one that begins last stands. One that begins later and ends takes nothing away
    from the days after it: what it stood in for stands again. One that begins on the same day replaces the one
    approved before it for good, its end included.
    """
    rows = {
        (type(rule.terms), rule.terms.subject, rule.valid_from): rule
        for rule in sorted(rules, key=lambda each: each.approval)
    }
    latest: dict[tuple[type, str], Rule] = {}
    for (kind, subject, begins), rule in sorted(rows.items(), key=lambda each: each[0][2]):
        if begins <= on and (rule.valid_to is None or on <= rule.valid_to):
            latest[kind, subject] = rule
    return [rule for rule in latest.values() if rule.active]


class Rulebook:
    """All approved rules, and quick look-ups of those in force on a trade date. version: how many approvals it has."""

    def __init__(self, rules: Sequence[Rule] = (), version: int = 0) -> None:
        self.version = version
        self._rules = rules
        self._by_date: dict[date, RulesInForce] = {}

    def on(self, trade_date: date) -> "RulesInForce":
        """Return the rules in force on the date."""
        found = self._by_date.get(trade_date)
        if found is None:
            found = self._by_date[trade_date] = RulesInForce(standing(self._rules, trade_date))
        return found


class RulesInForce:
    """The rules of one day, by what a check asks them for."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.restricted: dict[str, Rule] = {}
        self.watched: dict[str, Rule] = {}
        self.tolerances: dict[InstrumentType, Rule] = {}
        self.whitelistings: dict[tuple[str, str, str], Rule] = {}
        self.duplicates: Rule | None = None
        self.screening: Rule | None = None
        self._order_limits: dict[tuple[str, str, str], list[Rule]] = {}
        self._position_limits: dict[tuple[str, str, str], list[Rule]] = {}
        for rule in rules:
            self._enter(rule)

    def _enter(self, rule: Rule) -> None:
        match rule.terms:
            case RestrictedListEntry(isin=isin):
                self.restricted[isin] = rule
            case WatchListEntry(isin=isin):
                self.watched[isin] = rule
            case OrderValueLimit(scope=scope, name=name, currency=currency):
                self._order_limits.setdefault((scope.value, name, currency), []).append(rule)
            case PositionLimit(scope=scope, name=name, currency=currency):
                self._position_limits.setdefault((scope.value, name, currency), []).append(rule)
            case _:
                self._enter_policy(rule)

    def _enter_policy(self, rule: Rule) -> None:
        match rule.terms:
            case PriceTolerance(instrument_type=instrument_type):
                self.tolerances[instrument_type] = rule
            case DuplicatePolicy():
                self.duplicates = rule
            case ScreeningPolicy():
                self.screening = rule
            case Whitelisting(lei=lei, list_kind=list_kind, entry_id=entry_id):
                self.whitelistings[lei, list_kind, entry_id] = rule

    def order_limits(self, scope: str, name: str, currency: str) -> Sequence[Rule]:
        """Return the limits on one trade's value: those set on the name, else those set on any."""
        limits = self._order_limits
        return limits.get((scope, name, currency)) or limits.get((scope, ANY, currency)) or ()

    def position_limits(self, scope: str, name: str, currency: str) -> Sequence[Rule]:
        """Return the limits on a gross position: those set on the name, else those set on any."""
        limits = self._position_limits
        return limits.get((scope, name, currency)) or limits.get((scope, ANY, currency)) or ()
