"""A database of its own for each test, and the service's handlers on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import settlement_samples as a
from settlement_world import World
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.testing import engine_for

MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest.fixture
async def engine(migrated_database: Callable[[Path], Awaitable[str]]) -> AsyncIterator[AsyncEngine]:
    engine = engine_for(await migrated_database(MIGRATIONS))
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """The service on the settlement date of the samples: it has opened."""
    world = World(engine)
    await world.day(a.opened(a.SETTLEMENT_DATE))
    return world
