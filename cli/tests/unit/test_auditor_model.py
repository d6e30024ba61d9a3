"""The auditor's model: what must come of the inputs, whatever their interleaving."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from backoffice_cli.auditor.model.books import Settled, expected_books
from backoffice_cli.auditor.model.confirming import CONFIRMED, MISMATCHED, UNCONFIRMED, agreement
from backoffice_cli.auditor.model.execution import Execution, Fate, Reported
from backoffice_cli.auditor.model.execution import replay as replay_all
from backoffice_cli.auditor.model.market import Market
from backoffice_cli.auditor.model.terms import Terms, Verdict, price, rounded
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import (
    BookChanged,
    CalendarChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
    SettlementInstructionChanged,
)
from backoffice_events.contracts.vocabulary import (
    Charge,
    ChargeType,
    InstrumentType,
    Measurement,
    Side,
)

pytestmark = pytest.mark.unit

DAY = date(2024, 8, 8)  # a Thursday
OURS, THEIRS = "TESTOURS", "TESTTHEIRS"
ZERO = Decimal(0)


def instrument(isin: str, kind: InstrumentType) -> InstrumentChanged:
    return InstrumentChanged(
        isin=isin,
        mic="XNAS",
        version=1,
        name=isin,
        cfi="ES",
        instrument_type=kind,
        currency="USD",
        active=True,
    )


def cycle(kind: InstrumentType) -> SettlementCycleChanged:
    return SettlementCycleChanged(
        mic="XNAS",
        instrument_type=kind,
        effective_from=date(2024, 5, 28),
        version=1,
        days=1,
        settlement_calendar="US",
        place_of_settlement="DTCYUS33XXX",
    )


def ssi(party: str) -> SettlementInstructionChanged:
    return SettlementInstructionChanged(
        party=party,
        place_of_settlement="DTCYUS33XXX",
        currency="USD",
        version=1,
        agent_bic="IRVTUS3NXXX",
        safekeeping_account="S",
        cash_account="C",
        effective_from=date(2020, 1, 1),
        active=True,
    )


def market(first: date = DAY, last: date = DAY) -> Market:
    closed = (date(2024, 8, 12),)
    calendar = CalendarChanged(
        calendar="US",
        version=1,
        name="US",
        valid_from=date(2024, 1, 1),
        valid_to=date(2024, 12, 31),
        closures=closed,
    )
    employee = Employee(employee_id="E1", version=1, department="Trading", employment=(), licences=())
    return Market({"US": (first, last)}).learn(
        [
            instrument("SHARE", InstrumentType.EQUITY),
            instrument("BOND", InstrumentType.BOND),
            CounterpartyChanged(lei=THEIRS, version=1, name="T", bic="B", country=None, active=True),
            BookChanged(
                book="BOOK", version=1, name="B", entity_lei=OURS, measurement=Measurement.FVTPL, active=True
            ),
            calendar,
            cycle(InstrumentType.EQUITY),
            cycle(InstrumentType.BOND),
            ssi(OURS),
            ssi(THEIRS),
            EmployeeHired(employee=employee),
        ]
    )


def executed(**changes: Any) -> TradeExecuted:
    terms: dict[str, Any] = {
        "source_system": "EQ",
        "trade_reference": "1",
        "version": 1,
        "side": Side.BUY,
        "isin": "SHARE",
        "mic": "XNAS",
        "quantity": Decimal(10),
        "price": Decimal("20.005"),
        "currency": "USD",
        "trade_date": DAY,
        "executed_at": datetime(2024, 8, 8, 15, tzinfo=UTC),
        "book": "BOOK",
        "trader": "E1",
        "counterparty_lei": THEIRS,
        "charges": (Charge(type=ChargeType.COMMISSION, amount=Decimal("1.005")),),
    }
    return TradeExecuted(**{**terms, **changes})


def corrected(version: int, **changes: Any) -> TradeCorrected:
    return TradeCorrected(**{**asdict(executed()), "version": version, **changes})


def busted(version: int) -> TradeBusted:
    return TradeBusted(source_system="EQ", trade_reference="1", version=version, reason="wrong")


def replay(events: Sequence[Event | None], known: Market | None = None) -> Execution:
    reports = [Reported(("t", 0, n), event, b"") for n, event in enumerate(events)]
    return replay_all((("EQ", each) for each in reports), known or market())["EQ"]


def fates(execution: Execution) -> list[Fate]:
    return [execution.fates["t", 0, n] for n in range(len(execution.fates))]


def terms_of(report: TradeExecuted | TradeCorrected) -> Terms:
    verdict, terms = price(report, market(), same_date=False)
    assert verdict is Verdict.GOOD
    assert terms is not None
    return terms


def test_a_report_is_priced_to_the_cent_half_up_and_settles_a_day_later() -> None:
    terms = terms_of(executed())
    assert (terms.gross, terms.net) == (Decimal("200.05"), Decimal("201.06"))
    assert terms.settlement_date == date(2024, 8, 9)
    assert terms_of(executed(side=Side.SELL)).net == Decimal("199.04")


def test_a_closed_day_moves_settlement_on() -> None:
    friday = executed(trade_date=date(2024, 8, 9), executed_at=datetime(2024, 8, 9, 15, tzinfo=UTC))
    _, terms = price(friday, market(last=date(2024, 8, 9), first=date(2024, 8, 9)), same_date=False)
    assert terms is not None
    assert terms.settlement_date == date(2024, 8, 13)


def test_a_bonds_price_is_per_hundred_of_face() -> None:
    terms = terms_of(
        executed(
            isin="BOND", quantity=Decimal(10_000), price=Decimal("99.5"), accrued_interest=Decimal("12.345")
        )
    )
    assert (terms.gross, terms.accrued) == (Decimal("9950.00"), Decimal("12.35"))


@pytest.mark.parametrize(
    "changes",
    [
        {"isin": "NONE"},
        {"currency": "EUR"},
        {"counterparty_lei": "NOBODY"},
        {"book": "NONE"},
        {"trader": "E2"},
        {"quantity": ZERO},
        {"price": Decimal(-1)},
        {"accrued_interest": Decimal(1)},
        {"trade_date": date(2024, 8, 20), "executed_at": datetime(2024, 8, 20, tzinfo=UTC)},
        {"settlement_date": date(2024, 8, 10)},
        {"charges": (Charge(type=ChargeType.OTHER, amount=Decimal(-1)),)},
        {"side": Side.SELL, "charges": (Charge(type=ChargeType.OTHER, amount=Decimal(10_000)),)},
        {"executed_at": datetime(2024, 8, 11, tzinfo=UTC)},
    ],
    ids=str,
)
def test_a_report_with_a_fault_goes_to_repair(changes: dict[str, Any]) -> None:
    execution = replay([executed(**changes)])
    assert fates(execution) == [Fate.REPAIR]
    assert execution.version == 0


def test_what_hangs_on_the_moment_is_uncertain() -> None:
    rolling = market(first=date(2024, 8, 7), last=DAY)
    execution = replay([executed(), corrected(2)], rolling)
    assert fates(execution) == [Fate.UNCERTAIN, Fate.UNCERTAIN]
    assert not execution.certain


def test_a_correction_makes_a_version_and_one_that_restates_makes_none() -> None:
    execution = replay([executed(), corrected(2, quantity=Decimal(11)), corrected(3, quantity=Decimal(11))])
    assert (execution.version, execution.source_version) == (2, 3)
    assert execution.terms == terms_of(corrected(3, quantity=Decimal(11)))


def test_a_resend_does_nothing_and_other_content_under_its_version_is_refused() -> None:
    execution = replay([executed(), executed(), executed(quantity=Decimal(2))])
    assert fates(execution) == [Fate.TAKEN, Fate.RESENT, Fate.REPAIR]


def test_nothing_follows_a_bust() -> None:
    execution = replay([executed(), busted(2), corrected(3)])
    assert execution.cancelled
    assert fates(execution) == [Fate.TAKEN, Fate.TAKEN, Fate.REPAIR]


def test_a_version_behind_a_faulty_one_waits() -> None:
    execution = replay([executed(price=ZERO), corrected(2)])
    assert fates(execution) == [Fate.REPAIR, Fate.REPAIR]
    assert execution.version == 0


def test_beside_an_unreadable_report_nothing_is_certain() -> None:
    assert fates(replay([None])) == [Fate.REFUSED]
    assert not replay([None, executed()]).certain


VERSIONS = st.lists(
    st.builds(Decimal, st.integers(1, 5)).map(lambda quantity: {"quantity": quantity}), min_size=1, max_size=5
)


@given(VERSIONS, st.booleans(), st.randoms(use_true_random=False))
def test_the_versions_of_a_trade_may_come_in_any_order(
    changes: list[dict[str, Any]], cancel: bool, draw: Any
) -> None:
    """Each waits for the one before it: the end is the same, and so is the fate of each."""
    events: list[Event] = [executed(**changes[0])]
    events += [corrected(number, **each) for number, each in enumerate(changes[1:], 2)]
    events += [busted(len(events) + 1)] if cancel else []
    shuffled = list(events)
    draw.shuffle(shuffled)
    right, found = replay(events), replay(shuffled)
    assert (found.terms, found.version, found.source_version) == (
        right.terms,
        right.version,
        right.source_version,
    )
    assert found.cancelled == right.cancelled == cancel
    assert found.history == right.history
    assert set(found.fates.values()) == {Fate.TAKEN}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=20), st.data())
def test_executions_may_interleave_in_any_way(said: list[tuple[int, int]], data: st.DataObject) -> None:
    """Only the order within an execution matters."""
    reports = [
        (name, Reported(("t", name, place), _report(quantity, place), b""))
        for place, (name, quantity) in enumerate(said)
    ]
    apart = replay_all(sorted(reports, key=lambda each: each[0]), market())
    streams = {name: [each for each in reports if each[0] == name] for name, _ in said}
    mixed = []
    while any(streams.values()):
        name = data.draw(st.sampled_from([name for name, rest in streams.items() if rest]))
        mixed.append(streams[name].pop(0))
    assert replay_all(mixed, market()) == apart


def _report(quantity: int, place: int) -> TradeExecuted | TradeCorrected:
    if place % 3 == 0:
        return executed(quantity=Decimal(quantity))
    return corrected(quantity, quantity=Decimal(place))


def confirmation(terms: Terms, version: int = 1, **changes: Any) -> ConfirmationSent:
    right = ConfirmationSent(
        counterparty_lei=terms.counterparty,
        confirmation_reference="C",
        version=version,
        source_system="EQ",
        trade_reference="1",
        side=terms.side.opposite,
        isin=terms.isin,
        quantity=terms.quantity,
        price=terms.price,
        currency=terms.currency,
        net_amount=terms.net,
        trade_date=terms.trade_date,
        settlement_date=terms.settlement_date,
    )
    return replace(right, **changes)


def test_a_trade_is_confirmed_by_what_agrees_within_tolerance() -> None:
    terms = terms_of(executed())
    assert agreement(terms, []) == UNCONFIRMED
    assert agreement(terms, [confirmation(terms, net_amount=terms.net + 1)]) == CONFIRMED
    assert agreement(terms, [confirmation(terms, net_amount=terms.net + 2)]) == MISMATCHED
    assert agreement(terms, [confirmation(terms, quantity=Decimal(9))]) == MISMATCHED
    strangers = confirmation(terms, counterparty_lei="STRANGER", confirmation_reference="S")
    assert agreement(terms, [strangers]) == MISMATCHED
    assert agreement(terms, [strangers, confirmation(terms)]) == CONFIRMED


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([ZERO, Decimal(5)])), max_size=6),
    st.randoms(use_true_random=False),
)
def test_confirmations_may_come_in_any_order(said: list[tuple[int, Decimal]], draw: Any) -> None:
    terms = terms_of(executed())
    sent = [confirmation(terms, version, price=terms.price + more) for version, more in said]
    shuffled = list(sent)
    draw.shuffle(shuffled)
    assert agreement(terms, shuffled) == agreement(terms, sent)
    if sent:
        last = max(version for version, _ in said)
        standing = {more for version, more in said if version == last}
        assert agreement(terms, sent) == (CONFIRMED if standing == {ZERO} else MISMATCHED)


AMOUNTS = st.integers(1, 10_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def instructions(draw: st.DrawFn) -> list[Settled]:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        quantity, amount = draw(AMOUNTS), draw(AMOUNTS)
        share = draw(st.sampled_from([ZERO, Decimal("0.5"), Decimal(1)]))
        made.append(
            Settled(
                side=draw(st.sampled_from(Side)),
                isin="SHARE",
                currency="USD",
                book=draw(st.sampled_from(["BOOK", "OTHER"])),
                quantity=quantity,
                amount=amount,
                settled_quantity=quantity * share,
                settled_amount=amount * share,
                fails=draw(st.booleans()),
            )
        )
    return made


@given(
    st.one_of(st.none(), st.sampled_from(Side)),
    instructions(),
    st.randoms(use_true_random=False),
)
def test_books_balance_add_up_and_depend_on_no_order(
    side: Side | None, done: list[Settled], draw: Any
) -> None:
    standing = None if side is None else terms_of(executed(side=side))
    books = expected_books(standing, done)
    assert sum(books.balances.values(), ZERO) == 0
    for traded, settled, unsettled, failing in books.positions.values():
        assert traded == settled + unsettled + failing
    shuffled = list(done)
    draw.shuffle(shuffled)
    assert expected_books(standing, shuffled) == books


def test_the_books_of_a_purchase_that_settled_in_part_and_fails_for_the_rest() -> None:
    terms = terms_of(executed())
    part = Settled(
        *(Side.BUY, "SHARE", "USD", "BOOK", terms.quantity, terms.net),
        settled_quantity=Decimal(4),
        settled_amount=Decimal("80.00"),
        fails=True,
    )
    books = expected_books(terms, [part])
    assert {account: amount for (account, _, _), amount in books.balances.items()} == {
        "1310": Decimal("200.05"),
        "6110": Decimal("1.01"),
        "1100": Decimal("-80.00"),
        "2120": Decimal("-121.06"),
    }
    assert books.positions == {("BOOK", "SHARE"): (Decimal(10), Decimal(4), ZERO, Decimal(6))}


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=6))
def test_rounding_is_half_up_and_never_off_by_more_than_half_a_unit(amount: Decimal) -> None:
    assert abs(rounded(amount, "USD") - amount) <= Decimal("0.005")
    assert abs(rounded(amount, "JPY") - amount) <= Decimal("0.5")
    assert rounded(Decimal("0.005"), "USD") == Decimal("0.01")
