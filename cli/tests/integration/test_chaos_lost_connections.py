"""A service whose database went away without a word does not wait for it for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.database import create_engine
from backoffice_chassis.testing import FIELD_KEYS
from backoffice_cli.chaos.proxy import GOOD, Link
from backoffice_cli.stack.ports import draw_ports
from backoffice_cli.stack.testing import PostgresServer
from backoffice_events.messaging.failures import is_infrastructure

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 30


@pytest.fixture
async def link(postgres: PostgresServer) -> AsyncIterator[Link]:
    made = Link(draw_ports(1)[0], postgres.port)
    await made.impose(GOOD)
    yield made
    await made.close()


@pytest.fixture
async def engine(link: Link) -> AsyncIterator[AsyncEngine]:
    """Return an engine as services have it, with the shortest patience for a statement that may be set."""
    settings = ServiceSettings(
        database_url=f"postgresql://postgres:test@127.0.0.1:{link.port}/postgres",
        issuer_url="http://127.0.0.1",
        field_keys=FIELD_KEYS,
        request_timeout_seconds=1,
    )
    made = create_engine(settings, application_name="lost")
    yield made
    await made.dispose()


async def ask(engine: AsyncEngine, statement: str) -> object:
    async with engine.begin() as connection:
        return (await connection.execute(text(statement))).scalar_one()


async def test_a_statement_on_a_lost_connection_fails_as_trouble_of_the_surroundings_and_the_next_passes(
    link: Link, engine: AsyncEngine
) -> None:
    assert await ask(engine, "SELECT 1") == 1
    link.lose()
    asking = asyncio.create_task(ask(engine, "SELECT 2"))
    done, _ = await asyncio.wait({asking}, timeout=PATIENCE_SECONDS)
    assert done, "it waits for ever"
    failure = asking.exception()
    assert failure is not None
    assert is_infrastructure(failure)
    assert await asyncio.wait_for(ask(engine, "SELECT 3"), PATIENCE_SECONDS) == 3
