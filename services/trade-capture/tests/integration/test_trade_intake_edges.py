"""Messages that break the contract, and trades and confirmations that arrive at the same moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Row, Table, select, text

from backoffice_chassis import Principal
from backoffice_chassis.testing import engine_for
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES, TradeExecuted
from backoffice_events.contracts.trading import TradeCaptured
from backoffice_events.messaging import Batch, Transactions, Undecodable, UnitOfWork
from backoffice_events.records import Record
from trade_capture.confirmation import handlers as confirmations
from trade_capture.main import MIGRATIONS
from trade_capture.reference.domain import BusinessDay, BusinessDayStatus
from trade_capture.repair import queue
from trade_capture.repair.repository import never_captured
from trade_capture.repair.tables import repair_entry
from trade_capture.testing import NOW, FixedReference, confirming, corrected, executed, reference_data
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer
from trade_capture.trades.submission import Result
from trade_capture.trades.tables import trade

pytestmark = pytest.mark.integration

CAPTURE = Capture(FixedReference(), max_trade_age=10, max_settlement_lag=90)
CONSUMER = TradeConsumer(CAPTURE)
OLGA = Principal("olga", frozenset())


def undecodable(
    value: bytes | None, *, event_type: str | None = TradeExecuted.event_type, offset: int = 7
) -> Undecodable:
    record = Record(FRONTOFFICE_TRADES.name, b"EQ:T-1", value, [], 1, offset)
    return Undecodable(record, "header ce_time is missing", "an-event", event_type)


def message(**changes: Any) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(executed()), **changes})


async def rows(unit: UnitOfWork, table: Table) -> Sequence[Row[Any]]:
    return (await unit.connection.execute(select(table).order_by(*table.primary_key.columns))).all()


async def test_a_malformed_message_waits_with_its_bytes_and_every_reason(unit: UnitOfWork) -> None:
    value = message(quantity=[1], side="SIDEWAYS", price=None)
    assert await CONSUMER.take_undecodable(unit, [undecodable(value)]) == []
    (entry,) = await rows(unit, repair_entry)
    assert {reason["field"] for reason in entry.reasons} == {"quantity", "side", "price"}
    assert (entry.original, entry.topic, entry.partition, entry.record_offset) == (
        value,
        FRONTOFFICE_TRADES.name,
        1,
        7,
    )


async def test_a_malformed_message_is_judged_by_the_fields_that_can_be_read(unit: UnitOfWork) -> None:
    value = message(quantity=[1], isin="US0000000000", book="?", trader="?", counterparty_lei="?", price="-1")
    await CONSUMER.take_undecodable(unit, [undecodable(value)])
    (entry,) = await rows(unit, repair_entry)
    assert {(reason["code"], reason["field"]) for reason in entry.reasons} == {
        ("MALFORMED_FIELD", "quantity"),
        ("UNKNOWN_INSTRUMENT", "isin"),
        ("UNKNOWN_BOOK", "book"),
        ("UNKNOWN_TRADER", "trader"),
        ("UNKNOWN_COUNTERPARTY", "counterparty_lei"),
        ("INVALID_PRICE", "price"),
    }


@pytest.mark.parametrize("side", ["BUY\0", "x" * 200_000, "\u202e\n"])
async def test_a_reason_quotes_a_hostile_value_harmlessly(unit: UnitOfWork, side: str) -> None:
    await CONSUMER.take_undecodable(unit, [undecodable(message(side=side))])
    (entry,) = await rows(unit, repair_entry)
    (reason,) = entry.reasons
    assert reason["field"] == "side"
    assert reason["message"].isprintable()
    assert len(reason["message"]) < 400


async def test_numbers_out_of_bounds_are_named_with_all_else_that_is_wrong(unit: UnitOfWork) -> None:
    await CONSUMER.take_undecodable(unit, [undecodable(message(quantity="NaN", book="?"))])
    (entry,) = await rows(unit, repair_entry)
    assert {reason["code"] for reason in entry.reasons} == {"INVALID_QUANTITY", "UNKNOWN_BOOK"}


async def test_a_message_without_a_trade_date_counts_on_the_business_date(unit: UnitOfWork) -> None:
    friday = date(2026, 11, 20)
    open_day = {"US": BusinessDay("US", friday, BusinessDayStatus.OPEN, 1)}
    reference = FixedReference(reference_data(business_days=open_day))
    consumer = TradeConsumer(Capture(reference, max_trade_age=10, max_settlement_lag=90))
    await consumer.take_undecodable(unit, [undecodable(message(trade_date="soon"))])
    assert unit.now.date() > friday
    (counted,) = await never_captured(unit.connection, friday, friday)
    assert (counted.count, counted.currency, counted.value) == (1, "USD", Decimal("21050.00"))
    assert await never_captured(unit.connection, unit.now.date(), unit.now.date()) == []
    (entry,) = await rows(unit, repair_entry)
    assert entry.trade_date is None


async def test_a_good_trade_in_a_bad_envelope_waits_for_a_person(unit: UnitOfWork) -> None:
    await CONSUMER.take_undecodable(unit, [undecodable(message())])
    (entry,) = await rows(unit, repair_entry)
    assert entry.reasons[0]["message"] == "header ce_time is missing"
    outcome = await queue.resubmit(
        unit, CAPTURE, entry.repair_id, changes={}, comment=None, by=OLGA, expected=None
    )
    assert outcome.result is Result.CAPTURED


@pytest.mark.parametrize(
    "record",
    [
        undecodable(b"not json"),
        undecodable(None),
        undecodable(b"[]"),
        undecodable(b'{"source_system":"EQ"}'),
        undecodable(message(trade_reference="\0")),
        undecodable(message(), event_type=None),
        undecodable(message(), event_type="somebody.else.v1"),
    ],
)
async def test_what_names_no_trade_is_left_to_the_dead_letters(unit: UnitOfWork, record: Undecodable) -> None:
    assert await CONSUMER.take_undecodable(unit, [record]) == [record]
    assert await rows(unit, repair_entry) == []


async def test_a_redelivered_malformed_message_is_queued_once(unit: UnitOfWork) -> None:
    for value in (message(quantity=[1]), message(version="one")):
        for offset in (7, 8):
            await CONSUMER.take_undecodable(unit, [undecodable(value, offset=offset)])
    assert len(await rows(unit, repair_entry)) == 2


async def test_a_malformed_message_is_put_right_field_by_field(unit: UnitOfWork) -> None:
    await CONSUMER.take_undecodable(unit, [undecodable(message(quantity=[1], version="one"))])
    (entry,) = await rows(unit, repair_entry)
    outcome = await queue.resubmit(
        unit,
        CAPTURE,
        entry.repair_id,
        changes={"quantity": "100", "version": 1},
        comment="typed by hand",
        by=OLGA,
        expected=1,
    )
    assert outcome.result is Result.CAPTURED
    (captured,) = await rows(unit, trade)
    assert (captured.quantity, captured.repaired) == (Decimal(100), True)
    (resolved,) = await rows(unit, repair_entry)
    assert (resolved.status, resolved.source_version, resolved.trade_id) == ("RESOLVED", 1, captured.trade_id)


async def test_a_correction_waits_for_its_trade_in_repair(unit: UnitOfWork) -> None:
    batch = Batch.of(unit.connection, [executed(book="?"), corrected()], now=unit.now)
    await CONSUMER.handle(batch)
    waiting = {row.source_version: row for row in await rows(unit, repair_entry)}
    assert [waiting[version].status for version in (1, 2)] == ["OPEN", "WAITING"]
    await queue.resubmit(
        unit,
        CAPTURE,
        waiting[1].repair_id,
        changes={"book": "EQ-1"},
        comment=None,
        by=OLGA,
        expected=1,
    )
    (captured,) = await rows(unit, trade)
    assert (captured.version, captured.quantity) == (2, Decimal(101))


@pytest.fixture
async def transactions(migrated_database: Callable[[Path], Awaitable[str]]) -> AsyncIterator[Transactions]:
    engine = engine_for(await migrated_database(MIGRATIONS))
    yield Transactions(engine, source="urn:test", clock=lambda: NOW)
    await engine.dispose()


async def test_trades_and_their_confirmations_at_the_same_moment_meet_exactly_once(
    transactions: Transactions,
) -> None:
    names = [f"T-{number:03}" for number in range(120)]
    agreed = await _agreed_terms(transactions)

    async def capture(names: Sequence[str]) -> None:
        await _handle(transactions, CONSUMER.handle, [executed(name) for name in names])

    async def confirm(names: Sequence[str]) -> None:
        sent = [
            msgspec.structs.replace(agreed, trade_reference=name, confirmation_reference=name)
            for name in names
        ]
        await _handle(transactions, confirmations.handle, sent)

    thirds = [names[start::3] for start in range(3)]
    jobs = [capture(third) for third in thirds]
    jobs += [confirm(list(reversed(names[start : start + 30]))) for start in range(0, 120, 30)]
    jobs += [capture(names), confirm(names)]
    await asyncio.gather(*jobs)
    async with transactions.begin() as unit:
        standing = select(trade.c.confirmation_status).where(trade.c.trade_reference.in_(names))
        assert (await unit.connection.execute(standing)).scalars().all() == ["CONFIRMED"] * 120
        told = text("SELECT aggregateid, array_agg(type ORDER BY seq) FROM outbox GROUP BY aggregateid")
        orders = {tuple(types) for _, types in await unit.connection.execute(told)}
    captured, confirmed = "backoffice.trading.trade-captured.v1", "backoffice.trading.trade-confirmed.v1"
    assert orders == {(captured, confirmed)}


async def _handle(
    transactions: Transactions, handler: Callable[[Batch], Awaitable[None]], events: Sequence[Event]
) -> None:
    async with transactions.begin() as unit:
        batch = Batch.of(unit.connection, events, now=NOW)
        await handler(batch)
        for event in batch.published:
            unit.publish(event)


async def _agreed_terms(transactions: Transactions) -> Any:
    """What a counterparty would confirm, from a capture that is rolled back."""
    async with transactions.begin() as unit:
        batch = Batch.of(unit.connection, [executed()], now=NOW)
        await CONSUMER.handle(batch)
        (event,) = batch.published
        unit.rollback_only = True
    if not isinstance(event, TradeCaptured):
        raise TypeError(event)
    return confirming(event.trade)
