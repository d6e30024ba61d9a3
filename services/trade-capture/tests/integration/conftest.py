"""A database that the real migrations built, and transactions on it that leave nothing behind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.testing import engine_for
from backoffice_events.messaging import UnitOfWork

MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest.fixture(scope="session")
async def database(migrated_database: Callable[[Path], Awaitable[str]]) -> AsyncIterator[AsyncEngine]:
    engine = engine_for(await migrated_database(MIGRATIONS))
    yield engine
    await engine.dispose()


@pytest.fixture
async def unit(database: AsyncEngine) -> AsyncIterator[UnitOfWork]:
    async with database.connect() as connection:
        await connection.begin()
        yield UnitOfWork(connection, now=datetime(2026, 11, 23, 9, tzinfo=UTC), source="urn:test")
        await connection.rollback()
