"""The open day's trades are measured by how they went; the repair queue by age."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from backoffice_chassis.testing import engine_for
from backoffice_events.contracts.trading import TradeCaptured
from backoffice_events.messaging import Batch, Transactions
from trade_capture.confirmation import handlers as confirmations
from trade_capture.main import MIGRATIONS
from trade_capture.metrics import RATES, REPAIRS, TRADES, measure
from trade_capture.reference.cache import ReferenceCache
from trade_capture.testing import NOW, confirming, corrected, executed, load_world
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer

pytestmark = pytest.mark.integration


@pytest.fixture
async def transactions(
    migrated_database: Callable[[Path], Awaitable[str]],
) -> AsyncIterator[Transactions]:
    engine = engine_for(await migrated_database(MIGRATIONS))
    transactions = Transactions(engine, source="urn:test", clock=lambda: NOW)
    async with transactions.begin() as unit:
        await load_world(unit)
    yield transactions
    await engine.dispose()


async def test_the_open_days_trades_are_measured_and_unfinished_repairs_count_as_received(
    transactions: Transactions,
) -> None:
    stated = [executed("M-1"), executed("M-2"), executed("M-3"), executed("M-4", book="NOPE")]
    async with transactions.begin() as unit:
        batch = Batch.of(unit.connection, stated, now=NOW)
        await TradeConsumer(Capture(ReferenceCache(), max_trade_age=10, max_settlement_lag=90)).handle(batch)
        first = next(event.trade for event in batch.published if isinstance(event, TradeCaptured))
        confirmation = Batch.of(unit.connection, [confirming(first)], now=NOW)
        await confirmations.consumer().handle(confirmation)
    async with transactions.begin() as unit:
        await unit.connection.execute(
            text("UPDATE repair_entry SET received_at = received_at - interval '3 days'")
        )
        await measure(unit)
    assert dict(TRADES.standing()) == {
        ("received",): 4,
        ("captured",): 3,
        ("entered",): 3,
        ("confirmed",): 1,
        ("straight_through",): 1,
    }
    rates = {rate: share for (rate,), share in RATES.standing()}
    assert rates == {
        "stp": 0.25,
        "entry": 0.75,
        "repair": 0.25,
        "confirmation": pytest.approx(1 / 3, abs=1e-5),
    }
    assert dict(REPAIRS.standing()) == {("OPEN", "2-4"): 1, ("OPEN", "0"): 0, ("WAITING", "0"): 0}


async def test_a_trade_with_several_entries_in_repair_is_received_once(transactions: Transactions) -> None:
    stated = [
        executed("O-1"),
        corrected("O-1", book="NOPE"),
        executed("O-2", book="NOPE"),
        corrected("O-2"),
    ]
    async with transactions.begin() as unit:
        batch = Batch.of(unit.connection, stated, now=NOW)
        await TradeConsumer(Capture(ReferenceCache(), max_trade_age=10, max_settlement_lag=90)).handle(batch)
        await measure(unit)
    assert dict(TRADES.standing())["received",] == 2
    assert dict(REPAIRS.standing()) == {("OPEN", "0"): 2, ("WAITING", "0"): 1}
