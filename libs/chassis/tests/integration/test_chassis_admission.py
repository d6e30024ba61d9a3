"""More than a process can serve: what it turns away was not begun, says when to come again, and harms nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import httpx
import pytest

from backoffice_chassis import Role, Service
from backoffice_chassis.testing import app_for, as_caller, client_for

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 60
NOTE = {"title": "x", "amount": "1"}
WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def bounded(sample: Service, **bounds: int) -> AsyncIterator[httpx.AsyncClient]:
    settings = sample.settings.model_copy(update=bounds)
    async with (
        app_for(replace(sample, settings=settings)) as app,
        client_for(app, "olivia", Role.OPERATIONS) as client,
    ):
        yield client


async def until_waiting(watcher: asyncpg.Connection, count: int = 1) -> None:
    """Return once so many sessions of the database wait for a lock."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await watcher.fetchval(WAITING) < count:
            await watcher.execute("SELECT pg_sleep(0.01)")


async def test_a_full_process_turns_requests_away_and_serves_again_once_it_has_room(sample: Service) -> None:
    url = sample.settings.database_url.replace("+asyncpg", "")
    holder, watcher = await asyncpg.connect(url), await asyncpg.connect(url)
    async with bounded(sample, max_requests_in_flight=2) as client:
        note = (await client.post("/notes", json=NOTE)).json()["id"]
        hold = holder.transaction()
        await hold.start()
        await holder.execute("SELECT FROM note WHERE id = $1 FOR UPDATE", note)
        change = {"json": NOTE, "headers": {"If-Match": '"1"'}}
        waiting = [asyncio.create_task(client.put(f"/notes/{note}", **change)) for _ in range(2)]
        try:
            await until_waiting(watcher, len(waiting))
            turned_away = await client.get("/notes")
            assert turned_away.status_code == 503
            assert turned_away.json()["type"] == "/problems/overloaded"
            assert turned_away.headers["Retry-After"] == "1"
            assert (await client.get("/livez")).status_code == 200
        finally:
            await hold.rollback()
            await holder.close()
            await watcher.close()
        answers = sorted([answer.status_code for answer in await asyncio.gather(*waiting)])
        assert answers == [200, 412]
        assert (await client.get("/notes")).status_code == 200


@asynccontextmanager
async def locked_notes(sample: Service) -> AsyncIterator[asyncpg.Connection]:
    """Keep everybody from reading notes; yield a connection that sees who waits."""
    url = sample.settings.database_url.replace("+asyncpg", "")
    holder, watcher = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE note IN ACCESS EXCLUSIVE MODE")
            yield watcher
    finally:
        await holder.close()
        await watcher.close()


async def test_a_report_may_take_longer_than_other_requests(sample: Service) -> None:
    async with bounded(sample, request_timeout_seconds=1) as client:
        async with locked_notes(sample) as watcher:
            report = asyncio.create_task(client.get("/note-totals"))
            await until_waiting(watcher)
            answer = await client.get("/notes")
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/request-timeout")
            assert not report.done()
        assert (await report).json() == {"notes": 0}


async def test_a_report_is_bounded_too_and_leaves_other_requests_their_connections(sample: Service) -> None:
    async with (
        bounded(sample, report_timeout_seconds=1, database_pool_size=1) as client,
        locked_notes(sample) as watcher,
    ):
        reports = [asyncio.create_task(client.get("/note-totals")) for _ in range(2)]
        await until_waiting(watcher)
        assert (await client.get("/readyz")).status_code == 200
        assert {(await report).status_code for report in reports} == {503}


async def test_bodies_that_do_not_fit_into_memory_together_are_turned_away(sample: Service) -> None:
    async with bounded(sample, max_body_bytes_in_flight=1024) as client:
        large = {"title": "x" * 140, "amount": "1"}
        bulk = await client.post("/notes/bulk", json=[large] * 20)
        assert (bulk.status_code, bulk.json()["type"]) == (503, "/problems/overloaded")
        assert (await client.post("/notes", json=NOTE)).status_code == 201  # what was counted was given back


async def test_one_caller_who_asks_too_often_is_slowed_and_nobody_else(sample: Service) -> None:
    async with bounded(sample, max_requests_per_second=5) as client:
        answers = await asyncio.gather(*[client.get("/notes") for _ in range(20)])
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 5
        assert refused[0].json()["type"] == "/problems/too-many-requests"
        assert refused[0].headers["Retry-After"] == "1"
        other = await client.get("/notes", headers=as_caller("oscar", Role.OPERATIONS))
        assert other.status_code == 200
