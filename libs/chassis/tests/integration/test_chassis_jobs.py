"""Who runs a service's periodic jobs, and that somebody does, whatever becomes of the one before."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis.clock import SystemClock
from backoffice_chassis.jobs import JobRunner
from backoffice_events.messaging import Transactions

pytestmark = pytest.mark.integration


@pytest.fixture
async def engine(sample_database: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(sample_database)
    yield engine
    await engine.dispose()


async def test_a_leader_whose_machine_vanished_loses_the_lock_in_seconds(engine: AsyncEngine) -> None:
    found: list[str] = []

    class Asking(JobRunner):
        async def _run_when_due(self, session: asyncpg.Connection) -> None:
            found.append(await session.fetchval("SHOW tcp_keepalives_idle"))
            self.stop()

    await Asking([], Transactions(engine, source="urn:test", clock=SystemClock().now)).run()
    assert found == ["5"]


async def test_a_new_worker_leaves_the_jobs_to_one_of_the_release_before(engine: AsyncEngine) -> None:
    """Whose lock was this name's hash."""
    led: list[asyncpg.Connection] = []
    asked = asyncio.Event()

    class Asking(JobRunner):
        async def _run_when_due(self, session: asyncpg.Connection) -> None:
            led.append(session)

        async def _pause(self, seconds: float) -> None:
            asked.set()
            await super()._pause(seconds)

    runner = Asking([], Transactions(engine, source="urn:test", clock=SystemClock().now))
    async with engine.connect() as before:
        await before.execute(text("SELECT pg_advisory_lock(hashtextextended('backoffice periodic jobs', 0))"))
        running = asyncio.create_task(runner.run())
        await asked.wait()
        runner.stop()
        await running
        await before.invalidate()
    assert not led
