"""How far two sides' values may lie apart, in the tolerance vocabulary of DTCC's CTM. Dated data, never code."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from trade_capture.trades.domain import numbers

_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


class ToleranceRule(StrEnum):
    """EXCT exact. PTOL percentage. PTMX percentage up to a maximum. MNMX between a minimum below and a maximum above.

    NUFM number of units of the field's own measure (currency units). CPOP the counterparty's option: its value stands.
    """

    EXCT = "EXCT"
    PTOL = "PTOL"
    PTMX = "PTMX"
    MNMX = "MNMX"
    NUFM = "NUFM"
    CPOP = "CPOP"


class TolerancedField(StrEnum):
    """The fields that need not agree exactly. Quantity, dates and identifiers always must."""

    PRICE = "price"
    NET_AMOUNT = "net_amount"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One rule with its numbers; those that the rule has no use for are None.

    percentage: of our value. minimum: how far theirs may be below ours; maximum: how far above (MNMX), or how far at
    most either way (PTMX). units: how far either way (NUFM).
    """

    rule: ToleranceRule
    percentage: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    units: Decimal | None = None

    def allows(self, ours: Decimal, theirs: Decimal) -> bool:
        """Tell whether the values agree as far as the rule asks."""
        return ours == theirs or self._allows_distance(ours, numbers.EXACT.subtract(theirs, ours))

    def described(self) -> str:
        """Return the rule in words, for the reason of a mismatch."""
        match self.rule:
            case ToleranceRule.EXCT:
                return "must be equal"
            case ToleranceRule.PTOL:
                return f"may differ by {self.percentage} %"
            case ToleranceRule.PTMX:
                return f"may differ by {self.percentage} %, at most {self.maximum}"
            case ToleranceRule.MNMX:
                return f"may be {self.minimum} less to {self.maximum} more than ours"
            case ToleranceRule.NUFM:
                return f"may differ by {self.units}"
            case ToleranceRule.CPOP:
                return "may differ"

    def _allows_distance(self, ours: Decimal, distance: Decimal) -> bool:
        share = numbers.EXACT.divide(numbers.EXACT.multiply(abs(ours), self.percentage or _ZERO), _HUNDRED)
        match self.rule:
            case ToleranceRule.EXCT:
                return False
            case ToleranceRule.PTOL:
                return abs(distance) <= share
            case ToleranceRule.PTMX:
                return abs(distance) <= min(share, self.maximum or _ZERO)
            case ToleranceRule.MNMX:
                return -(self.minimum or _ZERO) <= distance <= (self.maximum or _ZERO)
            case ToleranceRule.NUFM:
                return abs(distance) <= (self.units or _ZERO)
            case ToleranceRule.CPOP:
                return True


EXACT = Tolerance(ToleranceRule.EXCT)


class DatedTolerance(NamedTuple):
    """A tolerance in force for trades from a date on. counterparty_lei: None for everybody without one of their own."""

    counterparty_lei: str | None
    field: TolerancedField
    effective_from: date
    tolerance: Tolerance


class ToleranceProfiles:
    """Every tolerance on record, to look up the one that holds. Of one date's, the last of `entries` holds."""

    def __init__(self, entries: Iterable[DatedTolerance]) -> None:
        self._entries: dict[tuple[str | None, TolerancedField], list[DatedTolerance]] = {}
        for entry in sorted(entries, key=lambda entry: entry.effective_from):
            self._entries.setdefault((entry.counterparty_lei, entry.field), []).append(entry)

    def tolerance(self, counterparty_lei: str, field: TolerancedField, trade_date: date) -> Tolerance:
        """Return the counterparty's own tolerance for trades of that date, else the general one, else EXACT."""
        for lei in (counterparty_lei, None):
            entries = self._entries.get((lei, field), ())
            for entry in reversed(entries):
                if entry.effective_from <= trade_date:
                    return entry.tolerance
        return EXACT
