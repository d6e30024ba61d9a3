"""What the front office publishes: the tape as executions, mishaps by seed, broken records."""

import json
import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from backoffice_events.cloudevents import UndecodableError, decode, encode
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.hr import Employee, EmployeeHired, Employment, EmploymentStatus, Licence
from backoffice_events.contracts.reference import CalendarChanged, CounterpartyChanged, SettlementCycleChanged
from backoffice_events.contracts.vocabulary import ChargeType, InstrumentType, Side
from simulators.front_office.bad_data import BAD_DATA
from simulators.front_office.coupons import Bond, accrued_interest, read_bonds
from simulators.front_office.desk import Desk, NobodyThereError, charges
from simulators.front_office.record import line
from simulators.front_office.scenario import Act, Rates, Report, play
from simulators.front_office.tape import read_tape
from simulators.market import Market

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[3] / "data"
HIRED = date(2020, 1, 6)
TAPE = list(read_tape(DATA, 2_000))


def person(number: int, *, left: bool = False) -> EmployeeHired:
    employment = [Employment(status=EmploymentStatus.EMPLOYED, effective_from=HIRED)]
    if left:
        employment.append(Employment(status=EmploymentStatus.TERMINATED, effective_from=date(2024, 8, 1)))
    licences = tuple(Licence(product=product, valid_from=HIRED) for product in InstrumentType)
    employee = Employee(
        employee_id=f"E{number}",
        version=1,
        department="Trading",
        employment=tuple(employment),
        licences=licences,
    )
    return EmployeeHired(employee=employee)


def market() -> Market:
    known = Market()
    for number in range(4):
        known.learn(person(number, left=number == 3))
    for number in range(3):
        known.learn(
            CounterpartyChanged(
                lei=f"LEI{number}", version=1, name="Bank", bic="B", country="GB", active=number < 2
            )
        )
    calendar = CalendarChanged(
        calendar="FED",
        version=1,
        name="Fedwire",
        valid_from=date(2024, 1, 1),
        valid_to=date(2024, 12, 31),
        closures=(),
    )
    cycle = SettlementCycleChanged(
        mic="BTEC",
        instrument_type=InstrumentType.BOND,
        effective_from=date(2017, 1, 1),
        version=1,
        days=1,
        settlement_calendar="FED",
        place_of_settlement="FRNYUS33XXX",
    )
    known.learn(calendar)
    known.learn(cycle)
    return known


def desk(draw: random.Random) -> Desk:
    return Desk(market(), draw, read_bonds(DATA), counterparties=5, run="")


def published(rates: Rates, seed: str = "1") -> list[Act]:
    draw = random.Random(seed)
    return list(play(TAPE, desk(draw), rates, draw))


def test_times_sides_and_order_are_the_tapes() -> None:
    first = TAPE[0]
    assert (first.side, first.reference) == (Side.SELL, "SPOT-BTCUSDT-3735683259")
    assert first.executed_at == datetime(2024, 8, 8, 23, 54, 15, 342000, tzinfo=UTC)
    assert [trade.executed_at for trade in TAPE] == sorted(trade.executed_at for trade in TAPE)


def test_the_first_price_of_a_symbol_is_the_reference_price_and_moves_are_kept() -> None:
    assert TAPE[0].price == TAPE[0].slot.reference_price
    for trade in TAPE:
        assert abs(trade.price / trade.slot.reference_price - 1) < Decimal("0.02")
        assert trade.price % trade.slot.tick == 0
        assert trade.quantity % trade.slot.lot == 0
        assert trade.quantity > 0


def test_the_trade_date_is_the_markets() -> None:
    dates = {trade.slot.mic: trade.trade_date for trade in TAPE}
    assert (dates["XNAS"], dates["XETR"]) == (date(2024, 8, 8), date(2024, 8, 9))


def test_references_are_unique() -> None:
    assert len({trade.reference for trade in TAPE}) == len(TAPE)


def test_the_same_seed_publishes_the_same_reports() -> None:
    rates = Rates(amends=Decimal("0.1"), bad_data=Decimal("0.1"))

    def outline(seed: str) -> list[tuple[object, ...]]:
        return [(act.report, act.mishap, act.broken) for act in published(rates, seed)]

    assert outline("1") == outline("1")
    assert outline("1") != outline("2")


def test_without_mishaps_each_trade_is_reported_once() -> None:
    acts = published(Rates())
    assert len(acts) == len(TAPE)
    assert all(isinstance(act.report, TradeExecuted) and act.mishap is None for act in acts)


def test_mishaps_come_as_often_as_asked() -> None:
    share = Decimal("0.1")
    rates = Rates(*[share] * 8)
    counts = Counter(act.mishap for act in published(rates) if isinstance(act.report, TradeExecuted))
    assert set(counts) == {None, *Rates.__slots__}
    for name in ("amends", "amends_again", "busts", "bad_data", "fat_fingers", "leavers"):
        assert 0.07 < counts[name] / len(TAPE) < 0.13


def test_rates_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        Rates(amends=Decimal("0.6"), busts=Decimal("0.6"))


def sequels(**rates: Decimal) -> list[tuple[Act, Act]]:
    """Return what is published of each trade of the tape at rates at which something else follows every one."""
    acts: dict[str, list[Act]] = {}
    for act in published(Rates(**rates)):
        acts.setdefault(act.report.trade_reference, []).append(act)
    pairs = [(first, second) for first, second in acts.values()]
    assert len(pairs) == len(TAPE)
    return pairs


def test_an_amended_trade_is_stated_again_in_full_under_the_next_version() -> None:
    for first, second in sequels(amends=Decimal(1)):
        assert isinstance(first.report, TradeExecuted)
        assert isinstance(second.report, TradeCorrected)
        assert second.report.version == 2
        terms = (first.report.quantity, first.report.price)
        assert (second.report.quantity, second.report.price) != terms


def test_some_amendments_state_a_trade_of_another_market_and_book() -> None:
    both = sequels(amends=Decimal(1))
    mixed_up = [
        (first.report, second.report) for first, second in both if first.report.isin != second.report.isin
    ]
    assert 0.1 < len(mixed_up) / len(both) < 0.3
    assert any(first.mic != second.mic for first, second in mixed_up)
    for first, second in mixed_up:
        assert (second.source_system, second.trade_reference) == (first.source_system, first.trade_reference)


def terms(report: TradeExecuted | TradeCorrected) -> tuple[str, Decimal, Decimal]:
    return report.isin, report.quantity, report.price


def test_a_trade_amended_again_is_corrected_then_corrected_corrected_back_or_busted_in_that_order() -> None:
    stories: dict[str, list[Report]] = {}
    for act in published(Rates(amends_again=Decimal(1))):
        stories.setdefault(act.report.trade_reference, []).append(act.report)
    thirds: Counter[str] = Counter()
    for first, second, third in stories.values():
        assert isinstance(first, TradeExecuted)
        assert isinstance(second, TradeCorrected)
        assert (second.version, third.version) == (2, 3)
        back = isinstance(third, TradeCorrected) and terms(third) == terms(first)
        thirds["back" if back else type(third).__name__] += 1
    assert set(thirds) == {"back", "TradeCorrected", "TradeBusted"}


def test_a_bust_is_the_next_version() -> None:
    pairs = sequels(busts=Decimal(1))
    assert all(isinstance(second.report, TradeBusted) and second.report.version == 2 for _, second in pairs)


def test_a_resend_repeats_the_report_sometimes_under_its_event_id() -> None:
    pairs = sequels(resends=Decimal(1))
    assert all(first.report == second.report for first, second in pairs)
    assert {first.event_id == second.event_id for first, second in pairs} == {True, False}


def test_a_conflicting_resend_states_something_else_under_the_same_version() -> None:
    for first, second in sequels(conflicting_resends=Decimal(1)):
        assert first.report != second.report
        assert (first.report.version, second.report.version) == (1, 1)


def test_a_leavers_trade_bears_the_name_of_one_who_left() -> None:
    acts = published(Rates(leavers=Decimal(1)))
    assert {act.report.trader for act in acts if isinstance(act.report, TradeExecuted)} == {"E3"}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_each_kind_of_bad_data_really_differs_from_the_good_record(kind: str) -> None:
    good = encode(
        desk(random.Random(1)).execute(TAPE[0]), event_id="1", source="urn:x", time=datetime.now(UTC)
    )
    broken = BAD_DATA[kind](good)
    assert broken != good
    try:
        event = decode(broken).event
    except UndecodableError:
        return
    assert event != decode(good).event


def test_nobody_trades_before_reference_data_is_loaded() -> None:
    with pytest.raises(NobodyThereError, match="load the reference data"):
        Desk(Market(), random.Random(1), {}, counterparties=5, run="")


def test_uk_buyers_pay_stamp_duty_and_us_sellers_the_sec_fee() -> None:
    bought = charges(Side.BUY, "GB0005405286", InstrumentType.EQUITY, "GBP", Decimal(10_000))
    assert {(each.type, each.amount) for each in bought} == {
        (ChargeType.COMMISSION, Decimal("1.50")),
        (ChargeType.STAMP_DUTY, Decimal("50.00")),
    }
    sold = charges(Side.SELL, "US0378331005", InstrumentType.EQUITY, "USD", Decimal(1_000_000))
    assert (ChargeType.EXCHANGE_FEE, Decimal("27.80")) in {(each.type, each.amount) for each in sold}
    assert charges(Side.BUY, "US91282CJP77", InstrumentType.BOND, "USD", Decimal(10_000)) == ()


@pytest.mark.parametrize(
    ("coupon", "maturity", "settles", "accrued"),
    [
        # 4.375 % note maturing 2026-12-15, settled on 2024-08-09: 55 of 183 days since 2024-06-15
        ("4.375", date(2026, 12, 15), date(2024, 8, 9), Decimal("2.1875") * 55 / 183),
        ("1.375", date(2028, 12, 31), date(2024, 8, 9), Decimal("0.6875") * 40 / 184),
        ("6", date(2030, 8, 15), date(2024, 8, 15), Decimal(0)),
    ],
)
def test_accrued_interest_counts_actual_days(
    coupon: str, maturity: date, settles: date, accrued: Decimal
) -> None:
    assert accrued_interest(Bond(Decimal(coupon), maturity), settles) == accrued


def test_only_bonds_accrue_interest() -> None:
    draw = random.Random(1)
    bonds = Counter[bool]()
    for trade in TAPE[:500]:
        accrued = desk(draw).execute(trade).accrued_interest
        is_bond = trade.slot.instrument_type is InstrumentType.BOND
        assert (accrued is not None) == is_bond
        bonds[is_bond] += 1
    assert bonds[True] > 0 < bonds[False]


def test_the_own_record_says_what_was_meant_and_which_switch_was_thrown() -> None:
    act = next(act for act in published(Rates(bad_data=Decimal(1))))
    written = json.loads(json.dumps(line(act, "2026-01-01T00:00:00+00:00")))
    assert written["kind"] == "new"
    assert written["mishap"] == "bad_data"
    assert written["broken"] in BAD_DATA
    assert Decimal(written["quantity"]) > 0
