"""Two writers with overlapping trades, and whole lives of trades through the real database."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_events.contracts.base import Event
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch
from ledger.controls import repository as controls
from ledger.journals.assembly import PostingRun
from ledger.journals.booking import post
from ledger.journals.books import TradeBooks
from ledger.journals.handlers import book

pytestmark = pytest.mark.integration


async def write(engine: AsyncEngine, events: Sequence[Event], random: Random) -> None:
    """Book the events in batches of random size, each in a transaction of its own, as a consumer does."""
    rest = list(events)
    while rest:
        size = random.randint(1, 40)
        batch, rest = rest[:size], rest[size:]
        async with engine.begin() as connection:
            taken = Batch.of(connection, batch)
            await book(taken)
        assert taken.refused == ()


async def assert_sound(connection: AsyncConnection) -> None:
    assert await controls.unbalanced_journals(connection) == []
    assert await controls.incomplete_journals(connection) == 0
    assert await controls.balance_differences(connection) == []
    assert await controls.position_differences(connection) == []
    assert await controls.positions_add_up(connection)
    assert (await controls.counts(connection)).duplicates == 0


async def balances(connection: AsyncConnection) -> dict[tuple[str, ...], Decimal]:
    rows = await connection.execute(
        text("SELECT account_code, currency, book, sum(debit - credit) FROM account_balance GROUP BY 1, 2, 3")
    )
    return {(account, currency, book): balance for account, currency, book, balance in rows if balance}


def expected(lives: Sequence[Any]) -> dict[tuple[str, ...], Decimal]:
    """Return what the pure rules say the balances are, trade events first."""
    run = PostingRun(first_open_day={"US": None, "TARGET": None}, closed_accounts=frozenset(), new_id=new_id)
    found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for life in lives:
        books = TradeBooks(life.current.trade_id)
        for event in (*life.trade_events, *life.settlement_events):
            for journal in post(books, event, new_id(), run):
                for line in journal.lines:
                    found[line.account, line.currency, journal.book] += line.amount
    return {key: balance for key, balance in found.items() if balance}


@pytest.mark.parametrize("seed", range(3))
async def test_writers_of_the_same_trades_neither_deadlock_nor_diverge(
    engine: AsyncEngine, lives: Any, interleaved: Any, seed: int
) -> None:
    random = Random(seed)
    drawn = [lives.draw(random) for _ in range(60)]
    trade_events = interleaved(random, *[life.trade_events for life in drawn])
    settlement_events = interleaved(random, *[life.settlement_events for life in drawn])
    async with asyncio.timeout(120):
        await asyncio.gather(
            write(engine, trade_events, Random(seed)), write(engine, settlement_events, Random(seed + 1))
        )
    async with engine.connect() as connection:
        await assert_sound(connection)
        assert await balances(connection) == expected(drawn)


async def test_one_event_booked_by_two_writers_at_once_posts_once(engine: AsyncEngine, events: Any) -> None:
    async with engine.connect() as connection:
        arrived = Batch.of(connection, [events.captured(events.trade()) for _ in range(20)])

    async def take(events_: Sequence[Any]) -> None:
        async with engine.begin() as connection:
            batch = Batch(connection, events_, now=arrived.now, source="urn:backoffice:test")
            await book(batch)
            assert batch.refused == ()

    await asyncio.gather(*(take(order) for order in (arrived.events, arrived.events[::-1], arrived.events)))
    async with engine.connect() as connection:
        await assert_sound(connection)
        assert (await controls.counts(connection)).journals == 20
