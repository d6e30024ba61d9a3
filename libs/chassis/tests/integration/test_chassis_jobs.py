"""Who runs a service's periodic jobs, and that somebody does, whatever becomes of the one before."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

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
        async def _run_when_due(self, lock: AsyncConnection) -> None:
            found.append((await lock.execute(text("SHOW tcp_keepalives_idle"))).scalar_one())
            self.stop()

    await Asking([], Transactions(engine, source="urn:test", clock=SystemClock().now)).run()
    assert found == ["5"]
