"""A service whose database went away without a word does not wait for it for ever, nor when it is told to stop."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.database import close, create_engine, create_report_engine
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
def settings(link: Link) -> ServiceSettings:
    """Return a service's settings, with the shortest patience for a statement that may be set."""
    return ServiceSettings(
        database_url=f"postgresql://postgres:test@127.0.0.1:{link.port}/postgres",
        issuer_url="http://127.0.0.1",
        field_keys=FIELD_KEYS,
        request_timeout_seconds=1,
    )


@pytest.fixture
async def engine(settings: ServiceSettings) -> AsyncIterator[AsyncEngine]:
    """Return an engine as services have it."""
    made = create_engine(settings, application_name="lost")
    yield made
    await close(made)


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


async def test_a_process_that_ends_does_not_wait_as_long_as_for_a_report_until_lost_connections_are_closed(
    link: Link, settings: ServiceSettings, engine: AsyncEngine
) -> None:
    reports = create_report_engine(settings, application_name="lost-report")
    for each in (engine, reports):
        assert await ask(each, "SELECT 1") == 1
    link.lose()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await close(engine, reports)
