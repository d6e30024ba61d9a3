"""A whole service as a process, on a real database and a real broker, from start to SIGTERM."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS
from backoffice_cli.stack.ports import draw_ports, reserve_ports
from backoffice_cli.stack.testing import PostgresServer
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.publisher import Publisher

pytestmark = pytest.mark.integration

SAMPLE = Path(__file__).parents[1] / "sample"
PATIENCE = 60


class Process:
    """The sample service as a child process."""

    def __init__(self, child: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.child = child
        self.http = http

    async def until(self, path: str, status: int) -> httpx.Response:
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.child.returncode is None, "the process ended"
                try:
                    answer = await self.http.get(path)
                except httpx.TransportError:
                    answer = httpx.Response(0)
                if answer.status_code == status:
                    return answer
                await asyncio.sleep(0.05)

    async def stop(self) -> tuple[int, list[dict[str, object]]]:
        self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            _, errors = await self.child.communicate()
        lines = [json.loads(line) for line in errors.decode().splitlines()]
        assert self.child.returncode is not None
        return self.child.returncode, lines


@asynccontextmanager
async def service(command: str, database_url: str, brokers: str, port: int = 0) -> AsyncIterator[Process]:
    holders = [] if port else reserve_ports([0])
    port = port or (holders[0].getsockname()[1] if holders else draw_ports(1)[0])
    settings = {
        "BACKOFFICE_DATABASE_URL": database_url,
        "BACKOFFICE_KAFKA_BOOTSTRAP_SERVERS": brokers,
        "BACKOFFICE_ISSUER_URL": "http://127.0.0.1:1",
        "BACKOFFICE_AUDIT_KEY": AUDIT_KEY.get_secret_value(),
        "BACKOFFICE_FIELD_KEYS": FIELD_KEYS.get_secret_value(),
        "BACKOFFICE_HTTP_PORT": str(port),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SAMPLE / "notes_service.py"),
        command,
        env={**os.environ, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield Process(child, http)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        for holder in holders:
            holder.close()


@pytest.fixture
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(SAMPLE / "migrations")


@pytest.fixture
async def brokers(kafka: str) -> str:
    """Return the broker, with the topic that the sample listens to."""
    topic = BusinessDayOpened.topic.name
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            with contextlib.suppress(TopicAlreadyExistsError):
                await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    return kafka


async def notes_of(database_url: str, author: str) -> None:
    """Wait until there is a note of this author."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetchval("SELECT count(*) FROM note WHERE author = $1", author):
                await connection.execute("SELECT pg_sleep(0.05)")
    finally:
        await connection.close()


async def publish_a_day(servers: str) -> None:
    opened = BusinessDayOpened(
        calendar="US", business_date=date(2024, 6, 3), version=1, status=BusinessDayStatus.OPEN
    )
    async with Publisher(brokers=Brokers(servers), source="urn:test:days") as publisher:
        await publisher.publish(opened)


async def test_it_takes_events_runs_jobs_answers_and_leaves_cleanly_on_sigterm(
    database_url: str, brokers: str
) -> None:
    await publish_a_day(brokers)
    async with service("all", database_url, brokers) as process:
        await process.until("/readyz", 200)
        await process.until("/livez", 200)
        assert (await process.http.get("/notes")).status_code == 401
        metrics = (await process.http.get("/metrics")).text
        await notes_of(database_url, "events")
        await notes_of(database_url, "job")
        code, lines = await process.stop()
    assert code == 0
    assert "target_info" in metrics
    assert 'http_server_request_duration_seconds_count{http_request_method="GET"' in metrics
    assert lines[-1]["event"] == "stopped"
    assert {line["service"] for line in lines} == {"notes"}


async def test_a_port_that_is_taken_ends_the_process_with_an_error(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with service("api", database_url, "127.0.0.1:1", taken.getsockname()[1]) as process:
            async with asyncio.timeout(PATIENCE):
                _, errors = await process.child.communicate()
    assert process.child.returncode not in {None, 0}
    assert b"address already in use" in errors


async def test_a_worker_alone_serves_health_but_no_routes(database_url: str, brokers: str) -> None:
    async with service("worker", database_url, brokers) as process:
        await process.until("/readyz", 200)
        assert (await process.http.get("/notes")).status_code == 404
        assert (await process.http.get("/openapi.json")).status_code == 404
        assert (await process.stop())[0] == 0


async def test_an_api_alone_is_ready_without_a_broker(database_url: str) -> None:
    async with service("api", database_url, "127.0.0.1:1") as process:
        await process.until("/readyz", 200)
        assert (await process.http.get("/notes")).status_code == 401
        assert (await process.stop())[0] == 0


async def test_it_waits_for_a_database_and_a_broker_that_are_not_there(database_url: str) -> None:
    nowhere = "postgresql://x:x@127.0.0.1:1/x"
    async with service("all", nowhere, "127.0.0.1:1") as process:
        answer = await process.until("/readyz", 503)
        await process.until("/livez", 200)
        code, lines = await process.stop()
    assert set(answer.json()["failures"]) == {"database", "consumers"}
    assert code == 0
    assert any(line["event"] == "worker waits for its database" for line in lines)


async def test_without_the_broker_consumers_are_what_is_not_ready(database_url: str) -> None:
    async with service("all", database_url, "127.0.0.1:1") as process:
        async with asyncio.timeout(PATIENCE):
            failures = {"database"}
            while "database" in failures:  # until the worker has seen it
                failures = (await process.until("/readyz", 503)).json()["failures"].keys()
        await process.until("/livez", 200)
        assert (await process.stop())[0] == 0
    assert failures == {"consumers"}


async def test_a_database_without_tables_is_told_to_be_migrated(postgres: PostgresServer) -> None:
    async with service("api", postgres.url("postgres", "postgres"), "127.0.0.1:1") as process:
        answer = await process.until("/readyz", 503)
        assert (await process.stop())[0] == 0
    assert answer.json()["failures"]["database"] == "is not migrated: run `migrate`"


@pytest.mark.parametrize("command", ["all", "api", "worker"])
@pytest.mark.parametrize("missing", ["BACKOFFICE_AUDIT_KEY", "BACKOFFICE_FIELD_KEYS"])
async def test_without_its_keys_nothing_is_served(command: str, missing: str) -> None:
    settings = {
        "BACKOFFICE_DATABASE_URL": "postgresql://x:x@127.0.0.1:1/x",
        "BACKOFFICE_ISSUER_URL": "http://127.0.0.1:1",
        "BACKOFFICE_AUDIT_KEY": AUDIT_KEY.get_secret_value(),
        "BACKOFFICE_FIELD_KEYS": FIELD_KEYS.get_secret_value(),
    }
    del settings[missing]
    code, errors = await _ended(command, settings)
    assert code == 2
    assert missing in errors


@pytest.mark.parametrize(("command", "said"), [("all", "BACKOFFICE_DATABASE_URL"), ("nonsense", "usage")])
async def test_wrong_usage_or_settings_end_with_code_2_and_say_what(command: str, said: str) -> None:
    code, errors = await _ended(command, {})
    assert code == 2
    assert said in errors


async def _ended(command: str, settings: dict[str, str]) -> tuple[int | None, str]:
    """Return how the sample service ends by itself, and what it says."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SAMPLE / "notes_service.py"),
        command,
        env={"PATH": os.environ["PATH"], **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await child.communicate()
    return child.returncode, errors.decode()
