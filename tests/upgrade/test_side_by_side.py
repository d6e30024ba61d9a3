"""While a release rolls out, workers of both share a database and a topic: nothing is lost, nothing booked twice."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS
from backoffice_cli.provisioning import access
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.stack.ports import draw_ports
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.csd import CSD_INSTRUCTIONS
from backoffice_events.publisher import Publisher
from simulators.topics import decoded, reading, until_now

pytestmark = pytest.mark.upgrade
ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "services/settlement"
PATIENCE = 120
WAVE = 400


def samples() -> Any:
    """Return what builds events as settlement hears them: its own tests' samples."""
    spec = importlib.util.spec_from_file_location("samples", SETTLEMENT / "tests/settlement_samples.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Worker:
    """A worker of one release of settlement."""

    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self._process = process
        self._http = http

    async def ready(self) -> None:
        """Wait until it says so."""
        async with asyncio.timeout(PATIENCE):
            while not await self._is_ready():
                assert self._process.returncode is None
                await asyncio.sleep(0.1)

    async def _is_ready(self) -> bool:
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def taken(self) -> int:
        """Return how many events took effect in it."""
        return await self._count("messaging_client_consumed_messages_total")

    async def sent(self) -> int:
        """Return how many events it sent from the outbox."""
        return await self._count("messaging_client_sent_messages_total")

    async def _count(self, metric: str) -> int:
        page = (await self._http.get("/metrics")).text
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return sum(int(sample.value) for sample in samples if sample.name == metric)

    async def leave(self) -> int:
        """Ask it to end, and return its exit code."""
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), PATIENCE)


@asynccontextmanager
async def worker(database_url: str, kafka: str, log: Path, **environment: str) -> AsyncIterator[Worker]:
    """Run a worker of settlement; PYTHONPATH says of which release."""
    (port,) = draw_ports(1)
    settings = {
        "BACKOFFICE_DATABASE_URL": database_url,
        "BACKOFFICE_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "BACKOFFICE_ISSUER_URL": "http://127.0.0.1:1",
        "BACKOFFICE_AUDIT_KEY": AUDIT_KEY.get_secret_value(),
        "BACKOFFICE_FIELD_KEYS": FIELD_KEYS.get_secret_value(),
        "BACKOFFICE_HTTP_PORT": str(port),
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "settlement.main", "worker"),
            env={**os.environ, **settings, **environment},
            stderr=output,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield Worker(process, http)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Database:
    """Settlement's database, as a test looks at it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def instructed(self, trades: int) -> None:
        """Wait until so many trades are instructed and all of it is sent."""
        counts = "SELECT (SELECT count(*) FROM instruction) - (SELECT count(*) FROM outbox)"
        async with asyncio.timeout(PATIENCE):
            while await self._connection.fetchval(counts) < trades:
                await self._connection.execute("SELECT pg_sleep(0.1)")

    async def instructions_by_trade(self) -> dict[str, int]:
        """Return how often each trade was instructed."""
        rows = await self._connection.fetch("SELECT trade_id::text, count(*) FROM instruction GROUP BY 1")
        return {row[0]: row[1] for row in rows}

    async def refused(self) -> int:
        """Return how many events became dead letters or wait behind one."""
        counts = "SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM parked_event)"
        return int(await self._connection.fetchval(counts))


@pytest.fixture
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(SETTLEMENT / "migrations")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    yield Database(connection)
    await connection.close()


@pytest.fixture
async def brokers(kafka: str) -> Brokers:
    """Return the session's broker, with the platform's topics on it."""
    found = Brokers(kafka)
    await create_topics(found, access.load().topics)
    return found


async def publish(brokers: Brokers, trades: Sequence[Any]) -> None:
    """Say of each trade that it was captured, confirmed and cleared: then settlement instructs it."""
    said = samples()
    events = [
        event
        for one in trades
        for event in (said.captured(one), said.cleared(one.trade_id), said.confirmed(one.trade_id))
    ]
    async with Publisher(brokers=brokers, source="urn:test:others") as publisher:
        await publisher.publish_many(events)


async def sent(brokers: Brokers) -> tuple[int, set[str]]:
    """Return how many instructions are on the topic for the CSD, and the ids of their events."""
    found: list[str] = []
    async with reading(brokers, [CSD_INSTRUCTIONS]) as consumer:
        async for records in until_now(consumer):
            found += [received.event_id for received in decoded(records)]
    return len(found), set(found)


async def test_workers_of_two_releases_instruct_each_trade_once(
    previous: Any, database_url: str, database: Database, brokers: Brokers, tmp_path: Path
) -> None:
    kafka = brokers.bootstrap_servers
    trades = [samples().trade(trade_reference=f"T-{number}") for number in range(3 * WAVE)]
    async with (
        worker(database_url, kafka, tmp_path / "old.log", PYTHONPATH=previous.path) as old,
        worker(database_url, kafka, tmp_path / "new.log") as new,
    ):
        await asyncio.gather(old.ready(), new.ready())
        await publish(brokers, trades[:WAVE])
        await database.instructed(WAVE)
        before = await old.taken(), await new.taken()
        assert all(before), f"both share the partitions: old {before[0]}, new {before[1]}"
        assert await old.sent() + await new.sent() >= WAVE
        # The old one leaves with work in hand: what it did not commit or send, the new one does.
        sending = asyncio.create_task(publish(brokers, trades[WAVE:]))
        assert await old.leave() == 0
        await sending
        await database.instructed(3 * WAVE)
        assert await new.taken() > before[1]
        assert await new.sent() > 0
    assert await database.instructions_by_trade() == {trade.trade_id: 1 for trade in trades}
    records, ids = await sent(brokers)
    assert records == len(ids) == len(trades)
    assert await database.refused() == 0
