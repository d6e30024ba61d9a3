"""What a batch of trades leads to, on a real database."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeCleared, TradeHeld
from backoffice_events.contracts.hr import (
    Employee,
    EmployeeHired,
    EmployeeTerminated,
    Employment,
    EmploymentStatus,
)
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCancelled, TradeCaptured
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.cases.tables import case_step, compliance_case
from compliance.checks.assessment import PATIENCE
from compliance.checks.handlers import Judge
from compliance.checks.tables import decision, exposure, waiting
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.domain import Outcome, PositionLimit, PositionScope, Rule, Rulebook
from compliance.rules.repository import RulebookReader
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

pytestmark = pytest.mark.integration

NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
MakeTrade = Callable[..., Trade]
Publish = Callable[[], Awaitable[None]]
Judged = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
def judge() -> Judge:
    return Judge(RulebookReader())


@pytest.fixture
def judged(connection: AsyncConnection, judge: Judge) -> Judged:
    async def run(*events: Event, now: datetime = NOW) -> list[Event]:
        batch = Batch.of(connection, events, now=now)
        await judge.on_trades(batch)
        return list(batch.published)

    return run


@pytest.fixture
def publish_reference(
    connection: AsyncConnection,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    employee: Employee,
) -> Publish:
    async def publish() -> None:
        await on_reference(Batch.of(connection, [instrument, counterparty]))
        await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))

    return publish


@pytest.fixture
async def known(connection: AsyncConnection, publish_reference: Publish) -> None:
    await publish_reference()
    await Screener(IndexReader()).screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))


async def _rows(connection: AsyncConnection, table: Any) -> list[Any]:
    return list(await connection.execute(select(table)))


@pytest.mark.usefixtures("known")
async def test_a_trade_that_passes_every_check_is_cleared(judged: Judged, make_trade: MakeTrade) -> None:
    trade = make_trade()
    [cleared] = await judged(TradeCaptured(trade=trade))
    assert isinstance(cleared, TradeCleared)
    assert (cleared.trade_id, cleared.trade_version, cleared.decision_version) == (trade.trade_id, 1, 1)
    assert cleared.released_by is None


@pytest.mark.usefixtures("known")
async def test_a_redelivered_or_older_version_is_not_judged_again(
    judged: Judged, make_trade: MakeTrade
) -> None:
    trade = make_trade(version=2)
    assert len(await judged(TradeAmended(trade=trade))) == 1
    assert await judged(TradeAmended(trade=trade)) == []
    assert await judged(TradeCaptured(trade=msgspec.structs.replace(trade, version=1))) == []


@pytest.mark.usefixtures("known")
async def test_a_leavers_next_trade_is_held_and_opens_a_case(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade, employee: Employee
) -> None:
    left = Employment(status=EmploymentStatus.TERMINATED, effective_from=date(2024, 8, 8))
    gone = msgspec.structs.replace(employee, version=2, employment=(*employee.employment, left))
    await on_employees(Batch.of(connection, [EmployeeTerminated(employee=gone)]))

    before, after = make_trade(trade_date=date(2024, 8, 7)), make_trade()
    cleared, held = await judged(TradeCaptured(trade=before), TradeCaptured(trade=after))

    assert isinstance(cleared, TradeCleared)
    assert isinstance(held, TradeHeld)
    assert held.reasons == ("EMPLOYMENT",)
    [case] = await _rows(connection, compliance_case)
    assert (case.case_id, case.trade_id, case.status) == (held.case_id, after.trade_id, "OPEN")


@pytest.mark.usefixtures("known")
async def test_an_unlicensed_traders_trade_is_held(judged: Judged, make_trade: MakeTrade) -> None:
    [held] = await judged(TradeCaptured(trade=make_trade(trade_date=date(2019, 12, 31))))
    assert isinstance(held, TradeHeld)
    assert held.reasons == ("EMPLOYMENT", "LICENCE")


@pytest.mark.usefixtures("known")
async def test_the_same_execution_under_another_reference_is_held_within_and_across_batches(
    judged: Judged, make_trade: MakeTrade
) -> None:
    first = make_trade()
    again = [
        make_trade(executed_at=first.executed_at, price=Decimal("10.0")),
        make_trade(executed_at=first.executed_at),
    ]
    results = await judged(TradeCaptured(trade=first), TradeCaptured(trade=again[0]))
    results += await judged(TradeCaptured(trade=again[1]))
    assert [type(result) for result in results] == [TradeCleared, TradeHeld, TradeHeld]


@pytest.mark.usefixtures("known")
async def test_a_cancelled_trade_is_no_longer_anyones_duplicate(
    judged: Judged, make_trade: MakeTrade
) -> None:
    first = make_trade()
    twin = make_trade(executed_at=first.executed_at)
    await judged(
        TradeCaptured(trade=first),
        TradeCancelled(trade=msgspec.structs.replace(first, version=2), reason="bust"),
    )
    [cleared] = await judged(TradeCaptured(trade=twin))
    assert isinstance(cleared, TradeCleared)


@pytest.mark.usefixtures("known")
async def test_an_amendment_supersedes_the_open_case_and_is_judged_afresh(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade
) -> None:
    trade = make_trade(trade_date=date(2019, 12, 31))
    [held] = await judged(TradeCaptured(trade=trade))
    [cleared] = await judged(
        TradeAmended(trade=msgspec.structs.replace(trade, version=2, trade_date=date(2024, 8, 8)))
    )
    assert isinstance(held, TradeHeld)
    assert isinstance(cleared, TradeCleared)
    assert (cleared.trade_version, cleared.decision_version) == (2, 2)
    [case] = await _rows(connection, compliance_case)
    assert (case.status, case.closed_at) == ("SUPERSEDED", NOW)
    assert [step.action for step in await _rows(connection, case_step)] == ["OPENED", "SUPERSEDED"]


@pytest.mark.usefixtures("known")
async def test_capture_amendment_and_cancellation_in_one_batch_leave_one_closed_story(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade
) -> None:
    trade = make_trade(trade_date=date(2019, 12, 31))
    amended = msgspec.structs.replace(trade, version=2, quantity=Decimal(50))
    cancelled = msgspec.structs.replace(amended, version=3)
    published: Sequence[Any] = await judged(
        TradeCaptured(trade=trade),
        TradeAmended(trade=amended),
        TradeCancelled(trade=cancelled, reason="bust"),
    )
    assert [(type(each), each.decision_version) for each in published] == [(TradeHeld, 1), (TradeHeld, 2)]
    cases = await _rows(connection, compliance_case)
    assert sorted(case.status for case in cases) == ["CANCELLED", "SUPERSEDED"]
    assert {row.gross for row in await _rows(connection, exposure)} == {Decimal(0)}


@pytest.mark.usefixtures("known")
async def test_gross_positions_net_within_an_instrument(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade
) -> None:
    await judged(TradeCaptured(trade=make_trade(quantity=Decimal(100))))
    await judged(TradeCaptured(trade=make_trade(quantity=Decimal(30), side=Side.SELL, price=Decimal(20))))
    gross = {(row.scope, row.name): row.gross for row in await _rows(connection, exposure)}
    assert gross == {
        ("BOOK", "EQ-1"): Decimal(1400),
        ("TRADER", "E-100"): Decimal(1400),
        ("INSTRUMENT", "US0378331005"): Decimal(1400),
    }


async def test_a_trade_waits_for_reference_data_that_is_still_on_its_way(
    connection: AsyncConnection,
    judge: Judge,
    judged: Judged,
    make_trade: MakeTrade,
    publish_reference: Publish,
) -> None:
    trade = make_trade()
    assert await judged(TradeCaptured(trade=trade)) == []
    [row] = await _rows(connection, waiting)
    assert row.missing == ["instrument", "employee", "screening"]

    await publish_reference()
    unit = UnitOfWork(connection, now=NOW + timedelta(seconds=1), source="urn:test")
    await judge.on_waiting(unit)
    assert unit.published == ()

    await Screener(IndexReader()).screen_stale(unit)
    await judge.on_waiting(unit)
    [cleared] = unit.published
    assert isinstance(cleared, TradeCleared)
    assert await _rows(connection, waiting) == []
    assert {row.gross for row in await _rows(connection, exposure)} == {Decimal(1000)}


class _Limited(RulebookReader):
    """A position limit that came into force when the position was above it already."""

    async def current(self, connection: AsyncConnection) -> Rulebook:  # noqa: ARG002 - the real one reads from it
        terms = PositionLimit(
            scope=PositionScope.BOOK, name="*", currency="USD", limit=Decimal(500), outcome=Outcome.HOLD
        )
        first = date(2020, 1, 1)
        return Rulebook(
            [Rule(rule_id="r", terms=terms, valid_from=first, valid_to=None, active=True, approval=1)]
        )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("quantities", "outcome"), [([99], TradeCleared), ([101], TradeHeld), ([101, 99], TradeCleared)]
)
async def test_an_amendment_of_a_cleared_trade_is_decided_alike_whether_it_had_to_wait_or_not(
    connection: AsyncConnection,
    judged: Judged,
    make_trade: MakeTrade,
    counterparty: CounterpartyChanged,
    *,
    quantities: list[int],
    outcome: type[Event],
) -> None:
    trade = make_trade(quantity=Decimal(100), price=Decimal("10.1"))
    assert [type(each) for each in await judged(TradeCaptured(trade=trade))] == [TradeCleared]
    changed = msgspec.structs.replace(counterparty, version=counterparty.version + 1, name="Renamed Ltd")
    await on_reference(Batch.of(connection, [changed]))
    judge = Judge(_Limited())
    for version, quantity in enumerate(quantities, 2):
        amended = msgspec.structs.replace(trade, version=version, quantity=Decimal(quantity))
        batch = Batch.of(connection, [TradeAmended(trade=amended)], now=NOW)
        await judge.on_trades(batch)
        assert batch.published == ()
    unit = UnitOfWork(connection, now=NOW + timedelta(seconds=1), source="urn:test")
    await Screener(IndexReader()).screen_stale(unit)
    await judge.on_waiting(unit)
    assert [type(each) for each in unit.published] == [outcome]
    assert {row.gross for row in await _rows(connection, exposure)} == {quantities[-1] * Decimal("10.1")}


async def test_a_trade_whose_reference_data_never_comes_is_held_at_the_deadline(
    connection: AsyncConnection, judge: Judge, judged: Judged, make_trade: MakeTrade
) -> None:
    await judged(TradeCaptured(trade=make_trade()))
    unit = UnitOfWork(connection, now=NOW + PATIENCE, source="urn:test")
    await judge.on_waiting(unit)
    [held] = unit.published
    assert isinstance(held, TradeHeld)
    assert held.reasons == ("MISSING_REFERENCE",)


async def test_a_waiting_trade_that_is_cancelled_waits_no_more(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade
) -> None:
    trade = make_trade()
    await judged(TradeCaptured(trade=trade))
    await judged(TradeCancelled(trade=msgspec.structs.replace(trade, version=2), reason="bust"))
    assert await _rows(connection, waiting) == []


@pytest.mark.usefixtures("known")
async def test_a_decision_can_neither_be_changed_nor_deleted(
    connection: AsyncConnection, judged: Judged, make_trade: MakeTrade
) -> None:
    await judged(TradeCaptured(trade=make_trade()))
    assert len(await _rows(connection, decision)) == 1
    for statement in ("UPDATE decision SET status = 'BLOCKED'", "DELETE FROM decision"):
        with pytest.raises(IntegrityError, match="append-only"):
            async with connection.begin_nested():
                await connection.execute(text(statement))
