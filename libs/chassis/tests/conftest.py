"""The sample service, on a database that every test finds empty."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from backoffice_chassis import Role, Service, ServiceSettings
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock, app_for, client_for
from backoffice_events.messaging import schema

SAMPLE = Path(__file__).parent / "sample"
sys.path.insert(0, str(SAMPLE))
notes_service = importlib.import_module("notes_service")
TABLES = ("note", "idempotency_key", *schema.TABLE_NAMES)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="session")
async def sample_database(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    """Return the URL of one database for all tests of this session."""
    return await migrated_database(SAMPLE / "migrations")


@pytest.fixture
async def sample(sample_database: str, clock: FixedClock) -> Service:
    connection = await asyncpg.connect(sample_database.replace("+asyncpg", ""))
    try:
        for table in TABLES:
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- names of our own tables
    finally:
        await connection.close()
    settings = ServiceSettings(
        database_url=sample_database,
        issuer_url="http://127.0.0.1:1",
        audit_key=AUDIT_KEY,
        field_keys=FIELD_KEYS,
    )
    service: Service = notes_service.build(settings, clock)
    return service


@pytest.fixture
async def app(sample: Service) -> AsyncIterator[FastAPI]:
    async with app_for(sample) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "olivia", Role.OPERATIONS) as client:
        yield client
