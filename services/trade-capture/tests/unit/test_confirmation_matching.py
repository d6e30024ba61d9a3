"""Matching: field by field within tolerance, and the same outcome whatever the order."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.vocabulary import Side
from trade_capture.confirmation.domain import (
    Acceptance,
    Confirmation,
    DatedTolerance,
    OurSide,
    Outcome,
    Tolerance,
    TolerancedField,
    ToleranceProfiles,
    ToleranceRule,
    match,
)
from trade_capture.testing import APPLE, BROKER, MONDAY, OTHER_BROKER

pytestmark = pytest.mark.unit

OURS = OurSide(
    trade_id="T",
    trade_version=1,
    counterparty_lei=BROKER,
    side=Side.BUY,
    isin=APPLE,
    quantity=Decimal(100),
    price=Decimal("210.50"),
    currency="USD",
    net_amount=Decimal("21051.25"),
    trade_date=MONDAY,
    settlement_date=date(2026, 11, 24),
)
EXACTLY = ToleranceProfiles([])


def theirs(name: str = "1", **changes: Any) -> Confirmation:
    agreed = Confirmation(
        confirmation_id=name,
        fingerprint=name,
        counterparty_lei=BROKER,
        confirmation_reference="C-1",
        version=1,
        side=Side.SELL,
        isin=APPLE,
        quantity=Decimal("100.0"),
        price=Decimal("210.5"),
        currency="USD",
        net_amount=Decimal("21051.25"),
        trade_date=MONDAY,
        settlement_date=date(2026, 11, 24),
    )
    return agreed._replace(**changes)


def fields(outcome: Outcome) -> list[str]:
    return [difference.field for difference in outcome.differences]


def test_no_confirmation_leaves_a_trade_unconfirmed() -> None:
    assert match(OURS, [], EXACTLY).status == "UNCONFIRMED"


def test_the_mirror_image_confirms() -> None:
    assert match(OURS, [theirs()], EXACTLY).status == "CONFIRMED"


@pytest.mark.parametrize(
    ("field", "value", "ours"),
    [
        ("side", Side.BUY, "BUY"),
        ("counterparty_lei", OTHER_BROKER, BROKER),
        ("isin", "US5949181045", APPLE),
        ("quantity", Decimal("100.0000000001"), "100"),
        ("currency", "EUR", "USD"),
        ("trade_date", date(2026, 11, 20), "2026-11-23"),
        ("settlement_date", date(2026, 11, 25), "2026-11-24"),
        ("price", Decimal("210.51"), "210.5"),
        ("net_amount", Decimal("21051.26"), "21051.25"),
    ],
)
def test_a_difference_shows_both_values_and_the_reason(field: str, value: object, ours: str) -> None:
    outcome = match(OURS, [theirs(**{field: value})], EXACTLY)
    assert outcome.status == "MISMATCHED"
    (difference,) = outcome.differences
    assert (difference.field, difference.ours, difference.theirs) == (field, ours, str(value))
    assert difference.reason


def test_the_highest_version_of_a_reference_stands() -> None:
    corrected = [theirs("1", price=Decimal(1)), theirs("2", version=2)]
    assert match(OURS, corrected, EXACTLY).status == "CONFIRMED"
    spoilt = [theirs("1"), theirs("2", version=2, price=Decimal(1))]
    assert match(OURS, spoilt, EXACTLY).status == "MISMATCHED"


@pytest.mark.parametrize(
    "second", [theirs("2", confirmation_reference="C-2"), theirs("2", quantity=Decimal(99))]
)
def test_two_that_stand_are_ambiguous(second: Confirmation) -> None:
    outcome = match(OURS, [theirs(), second], EXACTLY)
    assert (outcome.status, fields(outcome)) == ("MISMATCHED", ["confirmation_reference"])


def test_the_same_content_twice_is_one() -> None:
    assert match(OURS, [theirs("1"), theirs("2")], EXACTLY).status == "CONFIRMED"


def test_another_party_speaks_only_while_the_counterparty_does_not() -> None:
    other = theirs("2", counterparty_lei=OTHER_BROKER)
    assert fields(match(OURS, [other], EXACTLY)) == ["counterparty_lei"]
    assert match(OURS, [other, theirs()], EXACTLY).status == "CONFIRMED"


def test_an_acceptance_confirms_until_the_trade_or_what_stands_changes() -> None:
    differs = theirs("1", price=Decimal(1))
    accepted = [Acceptance(1, "1", frozenset({"1"}), "olga")]
    outcome = match(OURS, [differs], EXACTLY, accepted)
    assert (outcome.status, outcome.accepted_by, fields(outcome)) == ("CONFIRMED", "olga", ["price"])
    amended = OURS._replace(trade_version=2)
    assert match(amended, [differs], EXACTLY, accepted).status == "MISMATCHED"
    another = theirs("2", version=2, price=Decimal(2))
    assert match(OURS, [differs, another], EXACTLY, accepted).status == "MISMATCHED"


def test_an_acceptance_resolves_what_is_ambiguous() -> None:
    stand = [theirs("1"), theirs("2", confirmation_reference="C-2")]
    outcome = match(OURS, stand, EXACTLY, [Acceptance(1, "2", frozenset({"1", "2"}), "olga")])
    assert outcome.confirmation is not None
    assert (outcome.status, outcome.confirmation.confirmation_reference) == ("CONFIRMED", "C-2")


@pytest.mark.parametrize(
    ("tolerance", "value", "agrees"),
    [
        (Tolerance(ToleranceRule.EXCT), "210.5", True),
        (Tolerance(ToleranceRule.EXCT), "210.5001", False),
        (Tolerance(ToleranceRule.PTOL, percentage=Decimal(1)), "212.605", True),
        (Tolerance(ToleranceRule.PTOL, percentage=Decimal(1)), "212.6051", False),
        (Tolerance(ToleranceRule.PTMX, percentage=Decimal(1), maximum=Decimal(2)), "212.5", True),
        (Tolerance(ToleranceRule.PTMX, percentage=Decimal(1), maximum=Decimal(2)), "212.6", False),
        (Tolerance(ToleranceRule.MNMX, minimum=Decimal(1), maximum=Decimal(2)), "209.5", True),
        (Tolerance(ToleranceRule.MNMX, minimum=Decimal(1), maximum=Decimal(2)), "209.49", False),
        (Tolerance(ToleranceRule.MNMX, minimum=Decimal(1), maximum=Decimal(2)), "212.5", True),
        (Tolerance(ToleranceRule.MNMX, minimum=Decimal(1), maximum=Decimal(2)), "212.51", False),
        (Tolerance(ToleranceRule.NUFM, units=Decimal("0.01")), "210.49", True),
        (Tolerance(ToleranceRule.NUFM, units=Decimal("0.01")), "210.4899", False),
        (Tolerance(ToleranceRule.CPOP), "1", True),
    ],
)
def test_a_tolerance_allows_what_its_rule_says(tolerance: Tolerance, value: str, agrees: bool) -> None:
    profiles = ToleranceProfiles([DatedTolerance(None, TolerancedField.PRICE, date(2020, 1, 1), tolerance)])
    outcome = match(OURS, [theirs(price=Decimal(value))], profiles)
    assert (outcome.status == "CONFIRMED") == agrees


def test_a_counterpartys_own_tolerance_goes_before_the_general_one_and_by_trade_date() -> None:
    price, lax, strict = (
        TolerancedField.PRICE,
        Tolerance(ToleranceRule.CPOP),
        Tolerance(ToleranceRule.EXCT),
    )
    profiles = ToleranceProfiles(
        [
            DatedTolerance(None, price, date(2020, 1, 1), lax),
            DatedTolerance(BROKER, price, date(2026, 1, 1), strict),
            DatedTolerance(BROKER, price, date(2027, 1, 1), lax),
        ]
    )
    assert profiles.tolerance(BROKER, price, date(2025, 6, 1)) == lax
    assert profiles.tolerance(BROKER, price, MONDAY) == strict
    assert profiles.tolerance(BROKER, price, date(2027, 6, 1)) == lax
    assert profiles.tolerance(OTHER_BROKER, price, MONDAY) == lax
    assert profiles.tolerance(OTHER_BROKER, price, date(2019, 1, 1)).rule == "EXCT"


_sent = st.builds(
    theirs,
    counterparty_lei=st.sampled_from([BROKER, OTHER_BROKER]),
    confirmation_reference=st.sampled_from(["C-1", "C-2"]),
    version=st.integers(1, 3),
    quantity=st.sampled_from([Decimal(100), Decimal("100.00"), Decimal(99)]),
    price=st.sampled_from([Decimal("210.5"), Decimal(211)]),
)


@given(st.lists(_sent, max_size=6).flatmap(lambda sent: st.tuples(st.just(sent), st.permutations(sent))))
def test_the_same_confirmations_in_any_order_give_the_same_outcome(
    orders: tuple[Sequence[Confirmation], Sequence[Confirmation]],
) -> None:
    first, second = (
        match(OURS, [each._replace(confirmation_id=str(place)) for place, each in enumerate(order)], EXACTLY)
        for order in orders
    )
    assert (first.status, first.differences) == (second.status, second.differences)
    assert _said(first) == _said(second)


def _said(outcome: Outcome) -> object:
    return None if outcome.confirmation is None else outcome.confirmation.statement()
