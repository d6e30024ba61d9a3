"""The checks and the decision that follows, without a database."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice_events.contracts.hr import Employee, Employment, EmploymentStatus, Licence
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from compliance.cases.domain import CaseStatus
from compliance.checks.assessment import (
    PATIENCE,
    Assessment,
    Copies,
    Decision,
    Knowledge,
    Seen,
    Waiting,
    fingerprint,
)
from compliance.checks.domain import Check, Finding, Inputs, Status, reasons, status_of
from compliance.checks.positions import Contribution, Positions, contribution
from compliance.checks.rulings import examine
from compliance.reference.domain import Instrument, employment_on, licensed_on
from compliance.rules.domain import Outcome, PositionLimit, PositionScope, Rule, Rulebook, RulesInForce
from compliance.screening.domain import Counterparty, Screening

pytestmark = pytest.mark.unit

MakeTrade = Callable[..., Trade]
NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
DAY = date(2024, 8, 8)
FINDINGS = st.lists(
    st.builds(Finding, check=st.sampled_from(Check), outcome=st.sampled_from(Outcome), evidence=st.just("x"))
)


@given(FINDINGS)
def test_the_decision_is_the_worst_check(findings: list[Finding]) -> None:
    outcomes = {finding.outcome for finding in findings}
    expected = (
        Status.BLOCKED
        if Outcome.BLOCK in outcomes
        else Status.HELD
        if Outcome.HOLD in outcomes
        else Status.CLEARED
    )
    assert status_of(findings) is expected


@given(FINDINGS, FINDINGS)
def test_one_more_finding_never_makes_a_decision_milder(some: list[Finding], more: list[Finding]) -> None:
    severity = list(Status).index
    assert severity(status_of(some + more)) >= severity(status_of(some))


@given(FINDINGS)
def test_reasons_are_the_checks_that_stop_the_trade_each_once(findings: list[Finding]) -> None:
    stopping = {each.check for each in findings if each.outcome in {Outcome.HOLD, Outcome.BLOCK}}
    assert set(reasons(findings)) == stopping
    assert len(reasons(findings)) == len(stopping)


def _employment(*steps: tuple[EmploymentStatus, date]) -> Employee:
    return Employee(
        employee_id="E-1",
        version=1,
        department="Equities",
        employment=tuple(Employment(status=status, effective_from=day) for status, day in steps),
        licences=(
            Licence(product=InstrumentType.EQUITY, valid_from=date(2024, 1, 1), valid_to=date(2024, 6, 30)),
        ),
    )


def test_employment_is_judged_by_the_status_in_force_on_the_day() -> None:
    person = _employment(
        (EmploymentStatus.TERMINATED, date(2024, 8, 8)),
        (EmploymentStatus.EMPLOYED, date(2024, 1, 1)),
        (EmploymentStatus.ON_LEAVE, date(2024, 5, 1)),
        (EmploymentStatus.EMPLOYED, date(2024, 6, 1)),
    )
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 5, 31), date(2024, 6, 1), date(2024, 8, 8)]
    assert [employment_on(person, day) for day in days] == [
        None,
        EmploymentStatus.EMPLOYED,
        EmploymentStatus.ON_LEAVE,
        EmploymentStatus.EMPLOYED,
        EmploymentStatus.TERMINATED,
    ]


def test_a_licence_holds_for_its_product_from_its_first_to_its_last_day() -> None:
    person = _employment()
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 6, 30), date(2024, 7, 1)]
    assert [licensed_on(person, InstrumentType.EQUITY, day) for day in days] == [False, True, True, False]
    assert not licensed_on(person, InstrumentType.BOND, date(2024, 3, 1))


def test_without_any_rule_and_reference_only_the_missing_reference_holds(make_trade: MakeTrade) -> None:
    inputs = Inputs(trade=make_trade(), instrument=None, employee=None, screening=None)
    findings = examine(inputs, RulesInForce(()))
    assert reasons(findings) == (Check.MISSING_REFERENCE,)


def test_stored_inputs_decide_the_same_again(make_trade: MakeTrade, employee: Employee) -> None:
    inputs = _Known(employee).inputs(make_trade())
    stored = msgspec.json.decode(msgspec.json.encode(inputs), type=Inputs)
    assert stored == inputs
    assert examine(stored, RulesInForce(())) == examine(inputs, RulesInForce(()))


def test_the_same_terms_have_the_same_fingerprint_whatever_the_reference(make_trade: MakeTrade) -> None:
    first = make_trade()
    again = make_trade(executed_at=first.executed_at, quantity=Decimal("100.00"))
    assert fingerprint(first) == fingerprint(again)
    elsewhere = first.executed_at.astimezone(timezone(timedelta(hours=2)))
    assert fingerprint(msgspec.structs.replace(first, executed_at=elsewhere)) == fingerprint(first)
    for change in (
        {"side": Side.SELL},
        {"trader": "E-101"},
        {"isin": "US5949181045"},
        {"quantity": Decimal(101)},
        {"price": Decimal("10.01")},
        {"counterparty_lei": "529900T8BM49AURSDO55"},
        {"executed_at": first.executed_at + timedelta(microseconds=1)},
    ):
        assert fingerprint(msgspec.structs.replace(first, **change)) != fingerprint(first)


class _Known:
    """What compliance knows when everything has come."""

    def __init__(self, employee: Employee) -> None:
        party = Counterparty(
            lei="5493001KJTIIGC8Y1R12",
            version=1,
            name="Harmless Brokers Ltd",
            bic="CHASUS33XXX",
            country="US",
        )
        self._employee = employee
        self._screening = Screening(
            screening_id="s", counterparty=party, algorithm="1", lists={"ofac-sdn": "1"}, matches=()
        )
        self._instrument = Instrument(
            isin="US0378331005",
            mic="XNAS",
            version=1,
            instrument_type=InstrumentType.EQUITY,
            currency="USD",
            reference_price=Decimal(10),
            price_date=DAY,
        )

    def fresh(self) -> Knowledge:
        return Knowledge(
            copies=Copies(
                instruments={("US0378331005", "XNAS"): self._instrument},
                employees={self._employee.employee_id: self._employee},
                screenings={self._screening.counterparty.lei: self._screening},
            )
        )

    def inputs(self, trade: Trade) -> Inputs:
        return Inputs(
            trade=trade,
            instrument=self._instrument,
            employee=self._employee,
            screening=self._screening,
            exposures=Positions().add(contribution(trade)),
        )


STEPS = st.lists(st.tuples(st.sampled_from(("judge", "cancel")), st.integers(1, 5)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_in_whatever_order_versions_come_decisions_rise_and_never_follow_a_cancellation(
    make_trade: MakeTrade, employee: Employee, steps: list[tuple[str, int]]
) -> None:
    trade = make_trade()
    known = _Known(employee).fresh()
    assessment = Assessment(known, NOW)
    newest, cancelled, decided = 0, False, 0
    for step, version in steps:
        current = msgspec.structs.replace(trade, version=version)
        if step == "cancel":
            assessment.cancel(Seen.of(current))
            cancelled = cancelled or version > newest
        else:
            decision = assessment.judge(Seen.of(current))
            assert (decision is not None) == (version > newest and not cancelled)
            decided += decision is not None
        newest = max(newest, version) if not cancelled else newest
    assert [each.decision_version for each in assessment.decisions] == list(range(1, decided + 1))
    versions = [each.trade_version for each in assessment.decisions]
    assert versions == sorted(set(versions))
    live = 0 if cancelled or not decided else 1000
    assert set(known.positions.gross.values()) <= {Decimal(live)}


TRADES = st.lists(
    st.builds(
        Contribution,
        book=st.sampled_from(("B1", "B2")),
        trader=st.sampled_from(("T1", "T2")),
        isin=st.sampled_from(("I1", "I2", "I3")),
        currency=st.sampled_from(("USD", "EUR")),
        quantity=st.decimals(-(10**18), 10**18, places=10).filter(bool),
        price=st.decimals(Decimal("0.0000000001"), 10**18, places=10),
    ),
    max_size=20,
)


@given(TRADES)
def test_a_gross_position_is_always_the_sum_of_what_its_instruments_are_worth(
    trades: list[Contribution],
) -> None:
    positions = Positions()
    for trade in trades:
        positions.add(trade)
    sums: dict[tuple[str, str, str], Fraction] = {}
    for (scope, name, _, currency), net in positions.nets.items():
        key = (scope, name, currency)
        worth = abs(Fraction(net.quantity) * Fraction(net.price))
        sums[key] = sums.get(key, Fraction(0)) + worth
    assert {key: Fraction(value) for key, value in positions.gross.items()} == sums


@given(TRADES)
def test_taking_every_trade_out_again_leaves_no_position(trades: list[Contribution]) -> None:
    positions = Positions()
    for trade in trades:
        positions.add(trade)
    for trade in trades:
        positions.remove(trade, None)
    assert set(positions.gross.values()) <= {Decimal(0)}


def test_a_bond_is_worth_its_face_at_a_price_per_hundred(make_trade: MakeTrade) -> None:
    bond = make_trade(
        instrument_type=InstrumentType.BOND, quantity=Decimal(10_000), price=Decimal("98.5"), side=Side.SELL
    )
    added = contribution(bond)
    assert (added.quantity, added.price) == (Decimal(-10_000), Decimal("0.985"))
    assert Positions().add(added)[0].after == Decimal("9850.000")


def test_the_price_of_a_cancelled_trade_gives_way_to_the_reference_price(
    make_trade: MakeTrade, employee: Employee
) -> None:
    known = _Known(employee).fresh()
    assessment = Assessment(known, NOW)
    assessment.judge(Seen.of(make_trade(quantity=Decimal(100), price=Decimal(11))))
    mistyped = make_trade(quantity=Decimal(1), price=Decimal(1000))
    assessment.judge(Seen.of(mistyped))
    assert set(known.positions.gross.values()) == {Decimal(101_000)}
    assessment.cancel(Seen.of(msgspec.structs.replace(mistyped, version=2)))
    assert set(known.positions.gross.values()) == {Decimal(1000)}


def test_a_price_that_another_trade_gave_stays_when_a_trade_is_taken_out() -> None:
    positions = Positions()
    first, last = (
        Contribution(
            book="B", trader="T", isin="I", currency="USD", quantity=Decimal(5), price=Decimal(price)
        )
        for price in (10, 12)
    )
    positions.add(first)
    positions.add(last)
    positions.remove(first, Decimal(99))
    assert set(positions.gross.values()) == {Decimal(60)}


def _with_limit(known: Knowledge, limit: int) -> Knowledge:
    terms = PositionLimit(
        scope=PositionScope.BOOK,
        name="*",
        currency="USD",
        limit=Decimal(limit),
        outcome=Outcome.HOLD,
    )
    rule = Rule(rule_id="r", terms=terms, valid_from=date(2020, 1, 1), valid_to=None, active=True, approval=1)
    known.rulebook = Rulebook([rule])
    return known


@pytest.mark.parametrize(("cleared_before", "status"), [(True, Status.CLEARED), (False, Status.HELD)])
def test_an_amendment_that_lowers_a_position_over_its_limit_passes_if_the_trade_was_cleared_before(
    make_trade: MakeTrade, employee: Employee, cleared_before: bool, status: Status
) -> None:
    known = _with_limit(_Known(employee).fresh(), 500)
    assessment = Assessment(known, NOW)
    trade = make_trade(quantity=Decimal(100), price=Decimal(10))
    held = assessment.judge(Seen.of(trade))
    assert held is not None
    assert held.status is Status.HELD
    if cleared_before:
        known.trades[trade.trade_id].status = Status.CLEARED
    smaller = msgspec.structs.replace(trade, version=2, quantity=Decimal(99))
    amended = assessment.judge(Seen.of(smaller))
    assert amended is not None
    assert amended.status is status
    larger = msgspec.structs.replace(trade, version=3, quantity=Decimal(101))
    again = assessment.judge(Seen.of(larger))
    assert again is not None
    assert again.status is Status.HELD


def test_a_held_trade_that_is_amended_supersedes_its_case(make_trade: MakeTrade, employee: Employee) -> None:
    known = _Known(employee).fresh()
    assessment = Assessment(known, NOW)
    trade = make_trade(trade_date=date(2019, 1, 1))
    held = assessment.judge(Seen.of(trade))
    cleared = assessment.judge(Seen.of(msgspec.structs.replace(trade, version=2, trade_date=DAY)))
    assert held is not None
    assert cleared is not None
    assert (held.status, cleared.status) == (Status.HELD, Status.CLEARED)
    assert assessment.closures == {held.case_id: CaseStatus.SUPERSEDED}


def test_a_trade_waits_until_its_deadline_and_is_held_with_it(make_trade: MakeTrade) -> None:
    trade = make_trade()
    known = Knowledge()
    assert Assessment(known, NOW).judge(Seen.of(trade)) is None
    first = Assessment(known, NOW + PATIENCE - timedelta(microseconds=1))
    waited = Waiting(trade=trade, missing=("instrument",), deadline=NOW + PATIENCE)
    assert first.judge_again(waited) is None
    held = Assessment(known, NOW + PATIENCE).judge_again(waited)
    assert isinstance(held, Decision)
    assert held.reasons == (Check.MISSING_REFERENCE,)


def test_a_trade_that_is_cancelled_in_the_batch_it_came_with_does_not_wait(make_trade: MakeTrade) -> None:
    trade = make_trade()
    assessment = Assessment(Knowledge(), NOW)
    assessment.judge(Seen.of(trade))
    assessment.cancel(Seen.of(msgspec.structs.replace(trade, version=2)))
    assert assessment.waiting == {trade.trade_id: None}


def test_an_amendment_of_a_cleared_trade_that_had_to_wait_is_held_against_the_same_position(
    make_trade: MakeTrade, employee: Employee
) -> None:
    known = _with_limit(_Known(employee).fresh(), 500)
    trade = make_trade(quantity=Decimal(100), price=Decimal(10))
    Assessment(known, NOW).judge(Seen.of(trade))
    known.trades[trade.trade_id].status = Status.CLEARED
    smaller = msgspec.structs.replace(trade, version=2, quantity=Decimal(99))
    complete, known.copies = known.copies, Copies()
    first = Assessment(known, NOW)
    assert first.judge(Seen.of(smaller)) is None
    waited = first.waiting[trade.trade_id]
    assert waited is not None
    known.copies = complete
    judged = Assessment(known, NOW).judge_again(waited)
    assert judged is not None
    assert judged.status is Status.CLEARED
