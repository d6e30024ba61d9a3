"""A real database with the service's own migrations, and the service's application on it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock, app_for, engine_for
from backoffice_cli.stack.testing import Migrated, PostgresServer
from compliance.main import build

MIGRATIONS = Path(__file__).parents[2] / "migrations"

_EMPTY = """
DO $$ BEGIN
    SET LOCAL session_replication_role = replica;  -- history refuses even this, but for the superuser
    EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    );
END $$
"""


@pytest.fixture(scope="session")
async def engine(migrated_database: Migrated) -> AsyncIterator[AsyncEngine]:
    """Connect to the session's compliance database."""
    engine = engine_for(await migrated_database(MIGRATIONS))
    yield engine
    await engine.dispose()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that nothing survives."""
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield connection
        await transaction.rollback()


@pytest.fixture(scope="session")
async def committed_database(migrated_database: Migrated) -> str:
    """Return the URL of a database for what is done over HTTP, which is committed."""
    return await migrated_database(MIGRATIONS)


@pytest.fixture
async def database(committed_database: str, postgres: PostgresServer) -> AsyncIterator[str]:
    """Return that database's URL; it is emptied afterwards."""
    yield committed_database
    name = make_url(committed_database).database or ""
    admin = await asyncpg.connect(postgres.url("postgres", name).replace("+asyncpg", ""))
    try:
        await admin.execute(_EMPTY)
    finally:
        await admin.close()


@pytest.fixture
async def app(database: str) -> AsyncIterator[FastAPI]:
    """Return the service's application on that database."""
    settings = ServiceSettings(
        database_url=database, issuer_url="http://127.0.0.1:1", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    # After the dates of the shipped sanctions lists: a list of a day to come is refused.
    async with app_for(build(settings, FixedClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))) as app:
        yield app
