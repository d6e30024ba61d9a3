"""Batches of events become journals in a real database."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_cli.stack.testing import PostgresServer, execute
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened, BusinessDayStatus
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.messaging import Batch, Received, Transactions
from ledger.business_days import handlers as business_days
from ledger.journals import handlers
from ledger.journals.handlers import book
from ledger.journals.repository import lock_books

pytestmark = pytest.mark.integration


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.begin() as connection:
        yield connection


async def take(connection: AsyncConnection, *events: Event) -> Batch:
    batch = Batch.of(connection, events)
    await book(batch)
    return batch


async def rows(connection: AsyncConnection, sql: str) -> Sequence[Row[Any]]:
    return (await connection.execute(text(sql))).all()


async def balances(connection: AsyncConnection) -> dict[str, Decimal]:
    found = await rows(
        connection, "SELECT account_code, sum(debit - credit) FROM account_balance GROUP BY 1 ORDER BY 1"
    )
    return {code: balance for code, balance in found if balance}


async def test_trades_and_settlements_of_one_batch_are_booked_in_one_go(
    connection: AsyncConnection, events: Any
) -> None:
    bought, sold = events.trade(), events.trade(side=Side.SELL)
    await take(
        connection,
        events.captured(bought),
        events.captured(sold),
        events.settled(bought),
        events.settled(sold, 40),
    )
    assert await balances(connection) == {
        "1100": Decimal("-1054.00") + Decimal("418.40"),
        "1210": Decimal("627.60"),
        "6110": Decimal("8.00"),
    }
    assert await rows(
        connection,
        "SELECT sum(trade_date_quantity), sum(settled_quantity), sum(unsettled_quantity) FROM position_balance",
    ) == [(0, 60, -60)]


async def test_what_stands_is_remembered_from_batch_to_batch(
    connection: AsyncConnection, events: Any
) -> None:
    trade = events.trade()
    await take(connection, events.captured(trade))
    await take(connection, events.failing(trade))
    await take(connection, events.settled(trade, 40, csd_reference="A"))
    await take(connection, events.settled(trade, 10, already=40, csd_reference="B"))
    assert (await balances(connection))["2120"] == Decimal("-527.00")
    amendment = events.amended(trade, side=Side.SELL, net_amount=Decimal("1046.00"))
    await take(connection, amendment)
    found = await balances(connection)
    assert "2120" not in found
    assert (found["1210"], found["2110"]) == (Decimal("1046.00"), Decimal("527.00"))
    await take(connection, events.cancelled(amendment.trade))
    assert await balances(connection) == {"1100": Decimal("-527.00"), "2110": Decimal("527.00")}


async def test_a_refused_event_does_not_keep_the_others_of_its_batch(
    connection: AsyncConnection, events: Any
) -> None:
    wrong = events.trade(net_amount=Decimal("1.00"))
    batch = await take(connection, events.captured(wrong), events.captured(events.trade()))
    (refusal,) = batch.refused
    assert refusal.reason.startswith("net_amount 1.00 is not gross")
    assert await rows(connection, "SELECT count(*) FROM journal") == [(1,)]


async def test_a_closed_account_refuses_the_event_and_takes_it_once_opened(
    connection: AsyncConnection, events: Any
) -> None:
    captured = events.captured(events.trade())
    await connection.execute(text("UPDATE account SET status = 'CLOSED' WHERE code = '6110'"))
    batch = await take(connection, captured)
    assert [refusal.reason for refusal in batch.refused] == [
        "account 6110 is closed; open it (finance), then redrive this event"
    ]
    await connection.execute(text("UPDATE account SET status = 'OPEN' WHERE code = '6110'"))
    assert (await take(connection, captured)).refused == ()
    assert await rows(connection, "SELECT kind FROM journal") == [("TRADE_DATE",)]


async def test_an_event_redelivered_beyond_the_inbox_is_no_second_journal(
    connection: AsyncConnection, events: Any
) -> None:
    batch = Batch.of(connection, [events.captured(events.trade())])
    await book(batch)
    again = Batch(connection, batch.events, now=batch.now, source="urn:backoffice:test")
    await book(again)
    assert again.refused == ()
    assert await rows(connection, "SELECT count(*) FROM journal") == [(1,)]


def opened(day: date, version: int, calendar: str = "US") -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.OPEN
    )


def closed(day: date, version: int, calendar: str = "US") -> BusinessDayClosed:
    return BusinessDayClosed(
        calendar=calendar, business_date=day, version=version, status=BusinessDayStatus.CLOSED
    )


async def test_postings_follow_the_firms_day(connection: AsyncConnection, events: Any) -> None:
    await take(connection, events.captured(events.trade()))
    for event in (opened(date(2024, 6, 3), 1), closed(date(2024, 6, 3), 2)):
        await business_days.follow(Batch.of(connection, [event]))
        await take(connection, events.captured(events.trade()))
    await business_days.follow(
        Batch.of(connection, [opened(date(2024, 6, 5), 3), closed(date(2024, 6, 4), 2)])
    )
    await take(connection, events.captured(events.trade()))
    assert await rows(connection, "SELECT posting_date FROM journal ORDER BY recorded_at, journal_id") == [
        (date(2024, 6, 3),),
        (date(2024, 6, 3),),
        (date(2024, 6, 4),),
        (date(2024, 6, 5),),
    ]


async def test_a_business_day_heard_late_changes_nothing(connection: AsyncConnection, events: Any) -> None:
    await business_days.follow(Batch.of(connection, [opened(date(2024, 6, 5), 3)]))
    await business_days.follow(Batch.of(connection, [opened(date(2024, 6, 3), 1)]))
    assert await rows(connection, "SELECT business_date, closed_through FROM posting_calendar") == [
        (date(2024, 6, 5), date(2024, 6, 4))
    ]


async def test_each_calendar_has_its_own_day(connection: AsyncConnection, events: Any) -> None:
    await business_days.follow(
        Batch.of(connection, [opened(date(2024, 6, 5), 1, "US"), opened(date(2024, 6, 4), 1, "GB")])
    )
    await take(
        connection,
        events.captured(events.trade()),
        events.captured(events.trade(settlement_calendar="GB")),
    )
    assert await rows(connection, "SELECT settlement_calendar, posting_date FROM journal ORDER BY 1") == [
        ("GB", date(2024, 6, 4)),
        ("US", date(2024, 6, 5)),
    ]


async def test_what_is_taken_back_is_dated_by_its_own_calendar_when_the_trade_moved_to_another(
    connection: AsyncConnection, events: Any
) -> None:
    await business_days.follow(
        Batch.of(connection, [opened(date(2024, 6, 3), 1, "US"), opened(date(2024, 6, 3), 1, "TARGET")])
    )
    trade = events.trade()
    await take(connection, events.captured(trade))
    await take(connection, events.failing(trade))
    await business_days.follow(Batch.of(connection, [opened(date(2024, 6, 6), 2, "US")]))
    await take(connection, events.amended(trade, settlement_calendar="TARGET"))
    assert await rows(
        connection, "SELECT kind, settlement_calendar, posting_date FROM journal ORDER BY trade_version, kind"
    ) == [
        ("FAILING", "US", date(2024, 6, 4)),
        ("TRADE_DATE", "US", date(2024, 6, 3)),
        ("REVERSAL", "US", date(2024, 6, 6)),
        ("REVERSAL", "US", date(2024, 6, 6)),
        ("TRADE_DATE", "TARGET", date(2024, 6, 3)),
    ]


async def test_the_books_of_trades_are_looked_up_by_key_even_by_a_plan_for_small_tables(
    engine: AsyncEngine, postgres: PostgresServer, database_url: str, events: Any
) -> None:
    trade = events.trade()
    async with engine.begin() as connection:
        await take(connection, events.captured(trade))
    await execute(postgres.url("postgres", database_url.rpartition("/")[2]), "ANALYZE journal, booked_trade")
    async with engine.begin() as connection:
        books = await lock_books(connection, {trade.trade_id}, {trade.trade_id})
        scans = await rows(
            connection,
            "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname IN ('journal', 'booked_trade')",
        )
    assert books[trade.trade_id].trade_date is not None
    assert sorted(map(tuple, scans)) == [("booked_trade", 0), ("journal", 0)]


async def test_received_events_carry_the_id_that_the_journal_names(
    connection: AsyncConnection, events: Any
) -> None:
    batch = await take(connection, events.captured(events.trade()))
    received: Received[Any] = batch.events[0]
    assert await rows(connection, r"SELECT source_event_id\:\:text FROM journal") == [(received.event_id,)]


async def test_posted_journals_are_counted_by_kind_once_they_are_committed(
    engine: AsyncEngine, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = InMemoryMetricReader()
    counter = MeterProvider(metric_readers=[reader]).get_meter("test").create_counter("journals")
    monkeypatch.setattr(handlers, "JOURNALS", counter)
    trade = events.trade()
    transactions = Transactions(engine, source="urn:test", clock=lambda: datetime(2024, 6, 3, tzinfo=UTC))
    async with transactions.begin() as unit:
        for event in (events.captured(trade), events.settled(trade)):
            arrived = Batch.of(unit.connection, [event]).events
            await book(Batch.within(unit, arrived))
        assert reader.get_metrics_data() is None
    data = reader.get_metrics_data()
    assert data is not None
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert {dict(point.attributes or {})["kind"]: point.value for point in points} == {
        "TRADE_DATE": 1,
        "SETTLEMENT": 1,
    }
