"""What the inbox forgets, and what it must not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.contracts.base import Event
from backoffice_events.messaging import ConsumerSpec, Transactions
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.processor import Processor
from backoffice_events.messaging.retention import CHUNK, INBOX_RETENTION, forget_old_inbox
from backoffice_events.records import Record

pytestmark = pytest.mark.integration

MANY = text(
    "INSERT INTO inbox SELECT 'test.retention', gen_random_uuid(), now() - CAST(:age AS interval)"
    " FROM generate_series(1, :number)"
)
LEFT = text("SELECT count(*) FROM inbox")


async def forget(transactions: Transactions) -> None:
    async with transactions.begin() as unit:
        await forget_old_inbox(unit)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
async def test_a_service_whose_clock_is_wrong_forgets_no_event_that_may_come_again(
    transactions: Transactions,
    ledger: Any,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    jump: timedelta,
) -> None:
    made = contract()
    right = transactions.clock
    wrong = Transactions(transactions.engine, source="urn:test", clock=lambda: right() + jump)
    spec = ConsumerSpec("test.retention", (made,), ledger.handle)
    record = arrival(made(name="a", number=1))
    await Processor(spec, wrong, DeadLetterCap()).process([record])
    await forget(wrong)
    await forget(transactions)
    await Processor(spec, transactions, DeadLetterCap()).process([record])
    assert await ledger.effects() == [1]


async def test_a_busy_days_entries_are_forgotten_in_time_and_younger_ones_are_kept(
    transactions: Transactions, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(MANY, {"age": INBOX_RETENTION + timedelta(hours=1), "number": 3 * CHUNK})
        await connection.execute(MANY, {"age": INBOX_RETENTION - timedelta(hours=1), "number": 5})
    await forget(transactions)
    async with engine.connect() as connection:
        assert (await connection.execute(LEFT)).scalar_one() == 5
