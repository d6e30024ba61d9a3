"""Validation: each thing that can be wrong is named by its field, and all of them at once."""

from dataclasses import replace as replaced
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Charge, ChargeType, Side
from trade_capture.reference.domain import ReferenceData
from trade_capture.testing import (
    APPLE,
    BROKER,
    DTC,
    MONDAY,
    OTHER_BROKER,
    OURS,
    THANKSGIVING,
    TREASURY,
    executed,
    reference_data,
)
from trade_capture.trades.domain import Enricher, Faults

pytestmark = pytest.mark.unit


def judged(terms: TradeExecuted, reference: ReferenceData | None = None) -> Trade | Faults:
    return Enricher(reference or reference_data(), max_trade_age=10, max_settlement_lag=90).enrich(
        terms, trade_id="T", version=1
    )


def codes(terms: TradeExecuted, reference: ReferenceData | None = None) -> set[tuple[str, str]]:
    found = judged(terms, reference)
    assert isinstance(found, tuple), found
    return {(fault.code.value, fault.field) for fault in found}


def enriched(terms: TradeExecuted) -> Trade:
    found = judged(terms)
    assert isinstance(found, Trade), found
    return found


def on(day: date) -> dict[str, Any]:
    return {"trade_date": day, "executed_at": datetime(day.year, day.month, day.day, 15, tzinfo=UTC)}


def at(day: date) -> ReferenceData:
    """The world when that is the business day."""
    world = reference_data()
    return replaced(world, business_days={"US": replaced(world.business_days["US"], business_date=day)})


WEEKEND = ("INVALID_TRADE_DATE", "trade_date")
UNLISTED = ("UNKNOWN_INSTRUMENT", "isin")


def charge(amount: str) -> tuple[Charge, ...]:
    return (Charge(type=ChargeType.COMMISSION, amount=Decimal(amount)),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"isin": "US0378331004"}, {("UNKNOWN_INSTRUMENT", "isin")}),
        ({"mic": "XPAR"}, {("UNKNOWN_INSTRUMENT", "isin")}),
        ({"currency": "EUR"}, {("WRONG_CURRENCY", "currency")}),
        ({"counterparty_lei": OURS}, {("UNKNOWN_COUNTERPARTY", "counterparty_lei")}),
        ({"book": "EQ-2"}, {("UNKNOWN_BOOK", "book")}),
        ({"trader": "E-2"}, {("UNKNOWN_TRADER", "trader")}),
        ({"quantity": Decimal(0)}, {("INVALID_QUANTITY", "quantity")}),
        ({"quantity": Decimal("NaN")}, {("INVALID_QUANTITY", "quantity")}),
        ({"price": Decimal("1E+18")}, {("INVALID_PRICE", "price")}),
        ({"charges": charge("-1")}, {("INVALID_CHARGE", "charges[0].amount")}),
        ({"charges": charge("1") * 21}, {("INVALID_CHARGE", "charges")}),
        ({"accrued_interest": Decimal(1)}, {("INVALID_ACCRUED_INTEREST", "accrued_interest")}),
        ({"isin": TREASURY}, {("INVALID_ACCRUED_INTEREST", "accrued_interest")}),
        ({"executed_at": datetime(2026, 11, 23)}, {("INVALID_EXECUTION_TIME", "executed_at")}),  # noqa: DTZ001 - on purpose
        ({"executed_at": datetime(2026, 11, 25, tzinfo=UTC)}, {("INVALID_EXECUTION_TIME", "executed_at")}),
        (on(date(2026, 11, 22)), {("INVALID_TRADE_DATE", "trade_date")}),
        (on(date(2026, 11, 24)), {("TRADE_DATE_IN_FUTURE", "trade_date")}),
        (on(date(2026, 11, 6)), {("TRADE_DATE_TOO_OLD", "trade_date")}),
        (on(date(1990, 1, 2)), {("NO_SETTLEMENT_CYCLE", "mic")}),
        (on(date(9999, 12, 31)), {("INVALID_TRADE_DATE", "trade_date")}),
        ({"settlement_date": THANKSGIVING}, {("INVALID_SETTLEMENT_DATE", "settlement_date")}),
        ({"settlement_date": date(2026, 11, 20)}, {("INVALID_SETTLEMENT_DATE", "settlement_date")}),
        ({"settlement_date": date(2027, 2, 22)}, {("INVALID_SETTLEMENT_DATE", "settlement_date")}),
        ({"settlement_date": date(2999, 1, 1)}, {("INVALID_SETTLEMENT_DATE", "settlement_date")}),
        ({"quantity": Decimal("0.0001"), "price": Decimal(1)}, {("INVALID_AMOUNT", "price")}),
        ({"side": Side.SELL, "charges": charge("21050")}, {("INVALID_AMOUNT", "price")}),
        ({"quantity": Decimal(10) ** 17, "price": Decimal(100)}, {("INVALID_AMOUNT", "price")}),
    ],
)
def test_a_fault_is_named_by_code_and_field(changes: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert codes(executed(**changes)) == expected


def test_everything_wrong_is_named_at_once() -> None:
    terms = executed(
        isin="X", book="?", trader="?", counterparty_lei="?", quantity=Decimal(-1), price=Decimal(0)
    )
    fields = {field for _, field in codes(terms)}
    assert fields == {"isin", "book", "trader", "counterparty_lei", "quantity", "price"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"isin": "US0378331004", "settlement_date": date(2026, 11, 29), **on(date(2026, 11, 21))},
            {UNLISTED, WEEKEND, ("INVALID_SETTLEMENT_DATE", "settlement_date")},
        ),
        (
            {"isin": "US0378331004", "currency": "XXQ", **on(date(2026, 11, 24))},
            {
                ("UNKNOWN_INSTRUMENT", "isin"),
                ("WRONG_CURRENCY", "currency"),
                ("TRADE_DATE_IN_FUTURE", "trade_date"),
            },
        ),
        (
            {"isin": "US0378331004", "settlement_date": THANKSGIVING},
            {("UNKNOWN_INSTRUMENT", "isin"), ("INVALID_SETTLEMENT_DATE", "settlement_date")},
        ),
        ({"isin": "US0378331004", "mic": "XPAR", **on(date(2026, 11, 22))}, {UNLISTED, WEEKEND}),
        (
            on(date(2026, 10, 31)),
            {WEEKEND, ("TRADE_DATE_TOO_OLD", "trade_date")},
        ),
        (
            {"trader": "E-2", "quantity": Decimal("0.0001"), "price": Decimal(1)},
            {("UNKNOWN_TRADER", "trader"), ("INVALID_AMOUNT", "price")},
        ),
        (
            {
                "side": Side.SELL,
                "charges": charge("21050"),
                "accrued_interest": Decimal(1),
                "currency": "EUR",
            },
            {
                ("WRONG_CURRENCY", "currency"),
                ("INVALID_ACCRUED_INTEREST", "accrued_interest"),
                ("INVALID_AMOUNT", "price"),
            },
        ),
    ],
)
def test_one_fault_hides_no_other(changes: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert codes(executed(**changes)) == expected


@pytest.mark.parametrize(
    ("unknown", "field"), [({"book": "?"}, "counterparty_lei"), ({"counterparty_lei": "?"}, "book")]
)
def test_an_instruction_is_missed_of_the_party_that_is_known(unknown: dict[str, Any], field: str) -> None:
    expected = {(f"UNKNOWN_{name.removesuffix('_lei').upper()}", name) for name in unknown} | {
        ("MISSING_SETTLEMENT_INSTRUCTION", field)
    }
    assert codes(executed(**unknown), reference_data(settlement_instructions={})) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"business_days": {}}, {("NO_BUSINESS_DAY", "trade_date")}),
        ({"calendars": {}}, {("NO_SETTLEMENT_CYCLE", "mic")}),
        ({"settlement_cycles": {}}, {("NO_SETTLEMENT_CYCLE", "mic")}),
        (
            {"settlement_instructions": {}},
            {
                ("MISSING_SETTLEMENT_INSTRUCTION", "book"),
                ("MISSING_SETTLEMENT_INSTRUCTION", "counterparty_lei"),
            },
        ),
    ],
)
def test_missing_reference_data_is_named(missing: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert codes(executed(), reference_data(**missing)) == expected


def test_what_is_no_longer_active_cannot_be_traded() -> None:
    world = reference_data()
    inactive = reference_data(
        instruments={key: replace(each, active=False) for key, each in world.instruments.items()},
        counterparties={key: replace(each, active=False) for key, each in world.counterparties.items()},
        books={key: replace(each, active=False) for key, each in world.books.items()},
    )
    expected = {"INACTIVE_INSTRUMENT", "INACTIVE_COUNTERPARTY", "INACTIVE_BOOK"}
    assert {code for code, _ in codes(executed(), inactive)} == expected


def test_a_trade_is_enriched_with_dates_amounts_and_parties() -> None:
    trade = enriched(executed())
    assert trade.settlement_date == date(2026, 11, 24)
    assert (trade.gross_amount, trade.net_amount) == (Decimal("21050.00"), Decimal("21051.25"))
    assert (trade.entity_lei, trade.settlement_calendar) == (OURS, "US")
    parties = trade.settlement_parties
    assert parties.place_of_settlement == DTC
    assert (parties.safekeeping_account, parties.counterparty_account) == (f"S-{OURS[:4]}", f"S-{BROKER[:4]}")


def test_each_trade_of_a_batch_has_the_instructions_of_its_parties_and_its_day() -> None:
    world = reference_data()
    known = world.settlement_instructions
    (first,) = known[BROKER, DTC, "USD"]
    moved = replace(first, version=2, safekeeping_account="S-NEW", effective_from=date(2026, 11, 25))
    instructions = {**known, (BROKER, DTC, "USD"): [first, moved]}
    del instructions[OTHER_BROKER, DTC, "USD"]
    enricher = Enricher(
        replaced(world, settlement_instructions=instructions), max_trade_age=10, max_settlement_lag=90
    )
    batch = [
        executed(),
        executed(settlement_date=date(2026, 11, 25)),
        executed(counterparty_lei=OTHER_BROKER),
        executed(side=Side.SELL),
        executed(counterparty_lei=OTHER_BROKER),
    ]
    found = [enricher.enrich(terms, trade_id="T", version=1) for terms in batch]
    assert [
        each.settlement_parties.counterparty_account if isinstance(each, Trade) else each[0].field
        for each in found
    ] == [
        first.safekeeping_account,
        "S-NEW",
        "counterparty_lei",
        first.safekeeping_account,
        "counterparty_lei",
    ]


def test_a_settlement_day_is_not_every_trading_day() -> None:
    """The day before Thanksgiving settles on the Friday after."""
    wednesday = date(2026, 11, 25)
    trade = judged(executed(**on(wednesday)), at(wednesday))
    assert isinstance(trade, Trade)
    assert trade.settlement_date == date(2026, 11, 27)


def test_a_bond_costs_a_hundredth_of_its_price_and_its_accrued_interest() -> None:
    trade = enriched(
        executed(
            isin=TREASURY,
            quantity=Decimal(1_000_000),
            price=Decimal("99.515625"),
            accrued_interest=Decimal("1234.567"),
            charges=(),
        )
    )
    assert (trade.gross_amount, trade.accrued_interest) == (Decimal("995156.25"), Decimal("1234.57"))
    assert trade.net_amount == Decimal("996390.82")


def test_a_correction_may_concern_an_old_trade_but_not_move_it_there() -> None:
    old = executed(**on(date(2026, 11, 6)))
    enricher = Enricher(reference_data(), max_trade_age=11, max_settlement_lag=90)
    captured = enricher.enrich(old, trade_id="T", version=1)
    assert isinstance(captured, Trade)
    today = Enricher(reference_data(), max_trade_age=10, max_settlement_lag=90)
    assert isinstance(today.enrich(old, trade_id="T", version=2, previous=captured), Trade)
    recent = enriched(executed())
    assert not isinstance(today.enrich(old, trade_id="T", version=2, previous=recent), Trade)


def test_values_are_shown_without_control_characters_and_not_too_long() -> None:
    found = judged(executed(book="nul\0" + "x" * 1000))
    assert isinstance(found, tuple)
    assert "\0" not in found[0].message
    assert len(found[0].message) < 200
    assert "x…' is not on record" in found[0].message


def test_a_settlement_date_may_be_agreed_for_a_season_but_not_for_years_ahead() -> None:
    assert enriched(executed(settlement_date=date(2027, 2, 19))).settlement_date == date(2027, 2, 19)
    found = judged(executed(settlement_date=date(2028, 6, 1)))
    assert isinstance(found, tuple)
    [fault] = found
    assert fault.message == "2028-06-01 lies more than 90 days after the trade date 2026-11-23"


def test_the_world_of_these_tests_is_sound() -> None:
    assert enriched(executed()).isin == APPLE
    assert enriched(executed()).trade_date == MONDAY


@pytest.mark.parametrize("covers_from", [MONDAY, date(2026, 11, 20)])
def test_a_calendar_that_begins_these_days_makes_no_trade_of_today_too_old(covers_from: date) -> None:
    calendars = reference_data().calendars
    world = reference_data(calendars={"US": replaced(calendars["US"], valid_from=covers_from)})
    found = judged(executed(), world)
    assert isinstance(found, Trade), found
    assert codes(executed(**on(date(2026, 11, 19))), world) == {("INVALID_TRADE_DATE", "trade_date")}
