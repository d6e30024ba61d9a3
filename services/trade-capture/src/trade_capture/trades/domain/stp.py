"""Rates of straight-through processing, by count and by value.

Received is every trade that a front office stated and did not cancel. Of those:
entry rate: taken in without a person's help. repair rate: needed one, or still do, or were rejected. confirmation rate:
of those captured, confirmed. STP rate: taken in, and confirmed by agreement at the first try, without anybody's help.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

_RATIO = Context(prec=6)


@dataclass(frozen=True, slots=True)
class Row:
    """Trades of one kind in one currency. currency, value: None as far as a message in repair does not say."""

    currency: str | None
    repaired: bool
    captured: bool
    confirmed: bool
    touched_in_confirmation: bool
    count: int
    value: Decimal | None


@dataclass(slots=True)
class Measure:
    """A number of trades and their gross value by currency."""

    count: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count a row in."""
        self.count += row.count
        if row.currency is not None and row.value is not None:
            self.value[row.currency] = self.value.get(row.currency, Decimal(0)) + row.value


@dataclass(frozen=True, slots=True)
class Rate:
    """A share between 0 and 1, by count and by value; None where there is nothing to share in."""

    count: Decimal | None
    value: Mapping[str, Decimal | None]


def measures(rows: Iterable[Row]) -> dict[str, Measure]:
    """Return the measures that the rates are made of."""
    names = ("received", "captured", "entered", "repaired", "confirmed", "straight_through")
    result = {name: Measure() for name in names}
    for row in rows:
        entered = row.captured and not row.repaired
        applies = {
            "received": True,
            "captured": row.captured,
            "entered": entered,
            "repaired": not entered,
            "confirmed": row.confirmed,
            "straight_through": entered and row.confirmed and not row.touched_in_confirmation,
        }
        for name in names:
            if applies[name]:
                result[name].add(row)
    return result


def rates(measured: Mapping[str, Measure]) -> dict[str, Rate]:
    """Return the rates."""
    received, captured = measured["received"], measured["captured"]
    return {
        "entry": _rate(measured["entered"], received),
        "repair": _rate(measured["repaired"], received),
        "confirmation": _rate(measured["confirmed"], captured),
        "stp": _rate(measured["straight_through"], received),
    }


def _rate(part: Measure, whole: Measure) -> Rate:
    by_value = {
        currency: _share(part.value.get(currency, Decimal(0)), value)
        for currency, value in sorted(whole.value.items())
    }
    return Rate(_share(Decimal(part.count), Decimal(whole.count)), by_value)


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return _RATIO.divide(part, whole) if whole else None
