"""Amounts: exact, rounded half up where it is named, and bounded."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Side
from trade_capture.trades.domain.numbers import gross_amount, money, net_amount, number_fault

pytestmark = pytest.mark.unit

EQUITY, BOND = InstrumentType.EQUITY, InstrumentType.BOND

bounded = st.decimals(min_value="0.0000000001", max_value="999999999999999999", places=10)
cents = st.decimals(min_value=0, max_value=10**15, places=2)
charges = st.lists(cents.map(lambda amount: Charge(type=ChargeType.OTHER, amount=amount)), max_size=5)


@pytest.mark.parametrize(
    ("quantity", "price", "kind", "minor_units", "gross"),
    [
        ("100", "210.50", EQUITY, 2, "21050.00"),
        ("3", "0.005", EQUITY, 2, "0.02"),
        ("1", "0.005", EQUITY, 2, "0.01"),
        ("1", "0.0049", EQUITY, 2, "0.00"),
        ("1000000", "99.515625", BOND, 2, "995156.25"),
        ("100", "2101.5", EQUITY, 0, "210150"),
        ("1", "0.5", EQUITY, 0, "1"),
        ("3", "1.23456", EQUITY, 3, "3.704"),
    ],
)
def test_gross_is_quantity_times_price_in_minor_units(
    quantity: str, price: str, kind: InstrumentType, minor_units: int, gross: str
) -> None:
    amount = gross_amount(Decimal(quantity), Decimal(price), kind, minor_units)
    assert str(amount) == gross


@given(bounded, bounded, st.integers(0, 4))
def test_gross_is_the_exact_product_rounded_once(quantity: Decimal, price: Decimal, units: int) -> None:
    exact = int(quantity.scaleb(10).to_integral_exact()) * int(price.scaleb(10).to_integral_exact())
    doubled, divisor = exact * 2 * 10**units, 10**20
    half_up = (doubled + divisor) // (2 * divisor)
    amount = gross_amount(quantity, price, EQUITY, units)
    assert amount.as_tuple().exponent == -units
    assert f"{amount:f}".replace(".", "").lstrip("0") == str(half_up).lstrip("0")


@given(cents, cents, charges)
def test_buyer_and_seller_part_by_twice_the_charges(
    gross: Decimal, accrued: Decimal, paid: list[Charge]
) -> None:
    bought = net_amount(Side.BUY, gross, accrued, paid)
    sold = net_amount(Side.SELL, gross, accrued, paid)
    total = sum((charge.amount for charge in paid), Decimal(0))
    assert bought - sold == 2 * total
    assert bought + sold == 2 * (gross + accrued)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15),
    st.integers(0, 4),
)
def test_money_is_never_more_than_half_a_minor_unit_off(amount: Decimal, units: int) -> None:
    rounded = money(amount, units)
    assert abs(rounded - amount) <= Decimal(1).scaleb(-units) / 2
    assert rounded == amount.quantize(Decimal(1).scaleb(-units), ROUND_HALF_UP)


@pytest.mark.parametrize(
    "value",
    ["NaN", "sNaN", "Infinity", "-Infinity", "1E+18", "1E+999999", "1E-11", "1E-999999", "0.12345678901"],
)
def test_what_the_platform_cannot_carry_is_no_number(value: str) -> None:
    assert number_fault(Decimal(value)) is not None


@pytest.mark.parametrize(
    "value", ["0", "-1", "999999999999999999.9999999999", "0.0000000001", "1.500000000000000000", "1E+3"]
)
def test_what_the_platform_can_carry_is_a_number(value: str) -> None:
    assert number_fault(Decimal(value)) is None
