"""Amounts as both sides of a trade compute them: exact, rounded half up to the currency's minor units."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from backoffice_events.contracts.vocabulary import Charge, InstrumentType, Side

_CENT = Decimal("0.01")
_MINOR_UNITS = {"JPY": Decimal(1), "KRW": Decimal(1), "KWD": Decimal("0.001"), "BHD": Decimal("0.001")}
_PER_CENT = Decimal(100)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return the amount in the currency's minor units."""
    return amount.quantize(_MINOR_UNITS.get(currency, _CENT), ROUND_HALF_UP)


def gross_amount(
    quantity: Decimal, price: Decimal, instrument_type: InstrumentType, currency: str
) -> Decimal:
    """Return quantity x price; a bond's price is per 100 of face."""
    per_unit = price / _PER_CENT if instrument_type is InstrumentType.BOND else price
    return rounded(quantity * per_unit, currency)


def net_amount(side: Side, gross: Decimal, accrued_interest: Decimal, charges: Iterable[Charge]) -> Decimal:
    """Return what changes hands. side: that of the party who pays the charges."""
    total = sum((charge.amount for charge in charges), Decimal(0))
    return gross + accrued_interest + (total if side is Side.BUY else -total)
