"""Bounds and arithmetic of quantities, prices and money: exact, never through a float."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

from backoffice_events.contracts.vocabulary import Charge, InstrumentType, Side

# 18 integer and 10 fractional digits on each side of a product need 56: nothing is rounded but by `money`.
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)

_LIMIT = Decimal(10) ** 18
_MOST_DECIMALS = 10
_MOST_DECIMALS_WITH_ZEROS = 28
_HUNDRED = Decimal(100)
_UNITS = tuple(Decimal(1).scaleb(-digits) for digits in range(_MOST_DECIMALS + 1))


def number_fault(value: Decimal) -> str | None:
    """Return why `value` is no number the platform can carry, or None: at most 18 integer and 10 decimal digits."""
    if not value.is_finite():
        return "must be a number"
    if not -_LIMIT < value < _LIMIT:
        return "must have at most 18 digits before the decimal point"
    return _decimals_fault(value)


def _decimals_fault(value: Decimal) -> str | None:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -_MOST_DECIMALS:
        return None
    if isinstance(exponent, int) and exponent >= -_MOST_DECIMALS_WITH_ZEROS:
        stripped = EXACT.normalize(value).as_tuple().exponent
        if isinstance(stripped, int) and stripped >= -_MOST_DECIMALS:
            return None
    return "must have at most 10 digits after the decimal point"


def money(amount: Decimal, minor_units: int) -> Decimal:
    """Round an amount half up (away from zero) to the currency's minor units (ISO 4217)."""
    return amount.quantize(_UNITS[minor_units], context=EXACT)


def gross_amount(
    quantity: Decimal, price: Decimal, instrument_type: InstrumentType, minor_units: int
) -> Decimal:
    """Return quantity times price, rounded half up to minor units. A bond's price is per 100 of face amount."""
    product = EXACT.multiply(quantity, price)
    if instrument_type is InstrumentType.BOND:
        product = EXACT.divide(product, _HUNDRED)
    return money(product, minor_units)


def net_amount(side: Side, gross: Decimal, accrued_interest: Decimal, charges: Iterable[Charge]) -> Decimal:
    """Return what changes hands: a buyer pays the charges on top, a seller receives less by them."""
    total = sum((charge.amount for charge in charges), Decimal(0))
    dirty = EXACT.add(gross, accrued_interest)
    return EXACT.add(dirty, total) if side is Side.BUY else EXACT.subtract(dirty, total)
