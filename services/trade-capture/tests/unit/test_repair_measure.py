"""What is in repair counts on the day and by the value that it states, whatever else is wrong with it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.frontoffice import TradeBusted, TradeExecuted
from backoffice_events.contracts.trading import Trade
from trade_capture.reference.domain import BusinessDay, BusinessDayStatus, ReferenceData
from trade_capture.repair.domain import Measured, business_date, legible, measured
from trade_capture.testing import MONDAY, TREASURY, busted, executed, reference_data
from trade_capture.trades.domain import Enricher, Legible

pytestmark = pytest.mark.unit

BOND = executed(isin=TREASURY, accrued_interest=Decimal(10), price=Decimal("99.5"), quantity=Decimal(10_000))
OTHERS = ("side", "executed_at", "book", "trader", "counterparty_lei", "settlement_date", "charges")


def stated(trade: TradeExecuted, **changes: Any) -> Legible | None:
    return legible(TradeExecuted, msgspec.json.encode({**msgspec.to_builtins(trade), **changes}))


def days(**by_calendar: date) -> Mapping[str, BusinessDay]:
    return {code: BusinessDay(code, day, BusinessDayStatus.OPEN, 1) for code, day in by_calendar.items()}


@given(st.sampled_from([executed(), BOND]), st.sets(st.sampled_from(OTHERS)))
def test_whatever_else_is_wrong_it_counts_as_the_trade_would(trade: TradeExecuted, wrong: set[str]) -> None:
    enriched = Enricher(reference_data(), max_trade_age=10, max_settlement_lag=90).enrich(
        trade, trade_id="T", version=1
    )
    assert isinstance(enriched, Trade)
    found = measured(stated(trade, **dict.fromkeys(wrong, 7.5)), reference_data())
    assert found == Measured(MONDAY, "USD", enriched.gross_amount)


def test_each_part_counts_without_the_others() -> None:
    assert measured(stated(executed(), trade_date="soon"), reference_data()).value == Decimal("21050.00")
    assert measured(stated(executed(), quantity="many"), reference_data()) == Measured(MONDAY, "USD", None)
    assert measured(stated(executed(), currency=840), reference_data()) == Measured(MONDAY, None, None)


@pytest.mark.parametrize("quantity", ["0", "-100", "1e17"])
def test_numbers_out_of_bounds_have_no_value(quantity: str) -> None:
    assert measured(stated(executed(), quantity=quantity), reference_data()).value is None


def test_an_instrument_that_is_not_on_record_is_a_bond_if_interest_accrues() -> None:
    unlisted = reference_data(instruments={})
    assert measured(stated(BOND), unlisted).value == Decimal("9950.00")
    assert measured(stated(executed()), unlisted).value == Decimal("21050.00")


def test_a_bust_states_no_terms() -> None:
    terms = legible(TradeBusted, msgspec.json.encode(busted()))
    assert measured(terms, reference_data()) == Measured()
    assert business_date(terms, reference_data()) == MONDAY


@pytest.mark.parametrize(
    ("mic", "expected"),
    [("XNAS", date(2026, 11, 20)), ("XPAR", date(2026, 11, 24)), (7, date(2026, 11, 24))],
)
def test_the_day_is_that_of_the_market_or_else_the_latest(mic: object, expected: date) -> None:
    world = reference_data(business_days=days(US=date(2026, 11, 20), GB=date(2026, 11, 24)))
    assert business_date(stated(executed(), mic=mic), world) == expected


def test_before_any_day_was_opened_there_is_none() -> None:
    assert business_date(stated(executed()), ReferenceData()) is None
