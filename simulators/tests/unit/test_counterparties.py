"""How counterparties confirm: right by their own arithmetic, or in one of the ways they are told to err."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.reference import (
    CalendarChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
)
from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Side
from simulators.counterparties.behaviour import Behaviour, Manner, Rates, When, different
from simulators.counterparties.confirming import Counterparties, Dealt
from simulators.counterparties.server import Mailroom
from simulators.counterparties.settings import CounterpartySettings
from simulators.market import Market

pytestmark = pytest.mark.unit

EXECUTED = TradeExecuted(
    source_system="OMS",
    trade_reference="T1",
    version=1,
    side=Side.BUY,
    isin="US0378331005",
    mic="XNAS",
    quantity=Decimal(100),
    price=Decimal("213.305"),
    currency="USD",
    trade_date=date(2024, 8, 8),
    executed_at=datetime(2024, 8, 8, 20, tzinfo=UTC),
    book="EQ-US-1",
    trader="E1",
    counterparty_lei="LEI1",
    charges=(Charge(type=ChargeType.COMMISSION, amount=Decimal("3.20")),),
)


def market() -> Market:
    known = Market()
    known.learn(
        InstrumentChanged(
            isin="US0378331005",
            mic="XNAS",
            version=1,
            name="Apple",
            cfi="ESXXXX",
            instrument_type=InstrumentType.EQUITY,
            currency="USD",
            active=True,
        )
    )
    known.learn(CounterpartyChanged(lei="LEI1", version=1, name="Bank", bic="B", country=None, active=True))
    for since, days in ((date(2017, 9, 5), 2), (date(2024, 5, 28), 1)):
        known.learn(
            SettlementCycleChanged(
                mic="XNAS",
                instrument_type=InstrumentType.EQUITY,
                effective_from=since,
                version=1,
                days=days,
                settlement_calendar="US",
                place_of_settlement="DTCYUS33XXX",
            )
        )
    known.learn(
        CalendarChanged(
            calendar="US",
            version=1,
            name="US",
            valid_from=date(2024, 1, 1),
            valid_to=date(2024, 12, 31),
            closures=(date(2024, 9, 2), date(2024, 10, 14)),
        )
    )
    return known


def dealt(reference: str = "T1") -> Dealt:
    known = Counterparties(market()).hear(replace(EXECUTED, trade_reference=reference))
    assert known is not None
    return known


def right() -> ConfirmationSent:
    return dealt().right


def test_the_other_side_is_confirmed_with_the_amount_that_changes_hands() -> None:
    confirmed = right()
    assert (confirmed.side, confirmed.net_amount) == (Side.SELL, Decimal("21333.70"))
    assert (confirmed.trade_date, confirmed.settlement_date) == (date(2024, 8, 8), date(2024, 8, 9))


@pytest.mark.parametrize(
    ("trade_date", "settles"),
    [
        (date(2024, 5, 24), date(2024, 5, 28)),
        (date(2024, 5, 28), date(2024, 5, 29)),
        (date(2024, 8, 30), date(2024, 9, 3)),
        (date(2024, 10, 11), date(2024, 10, 15)),
        (date(2024, 10, 14), date(2024, 10, 15)),
    ],
)
def test_settlement_dates_follow_cycle_and_calendar(trade_date: date, settles: date) -> None:
    assert market().settlement_date("XNAS", InstrumentType.EQUITY, trade_date) == settles


def test_nobody_confirms_a_repeated_or_contradicted_report_or_a_bust() -> None:
    firms = Counterparties(market())
    assert firms.hear(EXECUTED) is not None
    assert firms.hear(EXECUTED) is None
    assert firms.hear(replace(EXECUTED, quantity=Decimal(7))) is None
    bust = TradeBusted(source_system="OMS", trade_reference="T1", version=2, reason="error")
    assert firms.hear(bust) is None


def test_a_corrected_trade_is_confirmed_anew_under_a_higher_version() -> None:
    firms = Counterparties(market())
    first = firms.hear(EXECUTED)
    terms = {name: getattr(EXECUTED, name) for name in EXECUTED.__struct_fields__}
    second = firms.hear(TradeCorrected(**{**terms, "version": 2, "quantity": Decimal(200)}))
    assert first is not None
    assert second is not None
    assert second.right.version > first.right.version + 1
    assert second.right.confirmation_reference == first.right.confirmation_reference
    assert second.right.quantity == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"counterparty_lei": "NOBODY"},
        {"isin": "US0000000001"},
        {"quantity": Decimal(-1)},
        {"price": Decimal(0)},
        {"trade_date": date(2031, 1, 6)},
        {"trade_date": date.min},
        {"trade_date": date.max},
        {"quantity": Decimal(10**17), "price": Decimal(10**17)},
        {"quantity": Decimal(10**10), "price": Decimal(10**10)},
    ],
)
def test_what_no_firm_was_party_to_is_not_confirmed(changes: dict[str, object]) -> None:
    assert Counterparties(market()).hear(replace(EXECUTED, **changes)) is None


def behaviour(manner: Manner | None = None) -> Behaviour:
    return Behaviour(Rates(**({manner: Decimal(1)} if manner else {})), "1")


def test_as_a_rule_one_right_confirmation_comes_in_time() -> None:
    [sending] = behaviour().sendings(dealt())
    assert (sending.when, sending.confirmation) == (When.IN_TIME, right())


def test_never_is_never() -> None:
    assert list(behaviour(Manner.NEVER).sendings(dealt())) == []


def test_early_is_at_once_and_late_is_late() -> None:
    assert [each.when for each in behaviour(Manner.EARLY).sendings(dealt())] == [When.AT_ONCE]
    assert [each.when for each in behaviour(Manner.LATE).sendings(dealt())] == [When.LATE]


def test_twice_is_the_same_under_one_event_id_or_two() -> None:
    pairs = [list(behaviour(Manner.TWICE).sendings(dealt(f"T{n}"))) for n in range(30)]
    assert all(first.confirmation == second.confirmation for first, second in pairs)
    assert {first.event_id == second.event_id for first, second in pairs} == {True, False}


def test_a_difference_is_corrected_under_the_next_version() -> None:
    wrong, corrected = behaviour(Manner.CORRECTED).sendings(dealt())
    assert wrong.confirmation != right()
    assert corrected.confirmation == replace(right(), version=right().version + 1)


@given(st.integers(0, 255))
def test_a_different_confirmation_differs_in_one_field(kind: int) -> None:
    wrong, good = different(right(), kind), right()
    assert sum(getattr(wrong, name) != getattr(good, name) for name in good.__struct_fields__) == 1


def test_the_same_seed_gives_each_trade_the_same_fate_whatever_came_before() -> None:
    rates = Rates(never=Decimal("0.3"), twice=Decimal("0.3"), different=Decimal("0.3"))
    trades = [dealt(f"T{n}") for n in range(50)]

    def fates(order: list[Dealt]) -> dict[str, list[object]]:
        drawn = Behaviour(rates, "7")
        return {each.right.trade_reference: list(drawn.sendings(each)) for each in order}

    assert fates(trades) == fates(trades[::-1])


def test_fates_come_as_often_as_asked() -> None:
    rates = Rates(late=Decimal("0.2"), never=Decimal("0.1"))
    drawn = Behaviour(rates, "1")
    fates = Counter(tuple(each.when for each in drawn.sendings(dealt(f"T{n}"))) for n in range(2_000))
    assert 0.17 < fates[When.LATE,] / 2_000 < 0.23
    assert 0.08 < fates[()] / 2_000 < 0.12


def test_rates_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        Rates(late=Decimal("0.6"), never=Decimal("0.6"))


def test_what_was_sent_before_a_restart_is_not_sent_again() -> None:
    settings = CounterpartySettings(delay_seconds=Decimal(0))
    [sending] = behaviour().sendings(dealt())
    fresh, restarted = Mailroom(settings, frozenset()), Mailroom(settings, frozenset({sending.event_id}))
    for mailroom in (fresh, restarted):
        mailroom.put(sending)
    assert (list(fresh.due()), list(restarted.due())) == ([sending], [])


def test_a_confirmation_that_is_not_due_waits() -> None:
    mailroom = Mailroom(CounterpartySettings(delay_seconds=Decimal(3600)), frozenset())
    for sending in behaviour().sendings(dealt()):
        mailroom.put(sending)
    assert list(mailroom.due()) == []
