"""Each fault of database, brokers and network really happens, and is really over once it is healed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from backoffice_cli.chaos.fault import Act, Drawn, NotNowError, Planned
from backoffice_cli.chaos.faults import contention
from backoffice_cli.chaos.leaders import Leaders, Led
from backoffice_cli.chaos.network import Network
from backoffice_cli.chaos.registry import FAULTS
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.chaos.superuser import connected, execute, url_of
from backoffice_cli.stack import disk
from backoffice_cli.stack.databases import Connection

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 60
A_MOMENT = 0.5
TOPIC = "trading.trades.v1"
ROWS = "CREATE TABLE IF NOT EXISTS chaos_rows AS SELECT id, '' AS text FROM generate_series(1, 40) AS id"
numbers = count(1)


def planned(fault: str, target: str, **parameters: int | float | str) -> Planned:
    return Planned(next(numbers), Act.TRADING, 0, fault, Drawn(target, None, parameters))


@contextmanager
def standing(stage: Stage, fault: str, target: str, **parameters: int | float | str) -> Iterator[None]:
    """Bring a fault about, and take it back in the end."""
    one = planned(fault, target, **parameters)
    FAULTS[fault].inject(stage, one)
    try:
        yield
    finally:
        FAULTS[fault].heal(stage, one)
        stage.finish_aside()


async def as_service(stage: Stage, service: str = "ledger") -> Connection:
    """Connect as a service does: through the proxy, as its run-time role."""
    url = stage.platform.plan.service_database(service).url.replace("+asyncpg", "")
    return await asyncpg.connect(url, timeout=10)


async def answers(stage: Stage, service: str = "ledger") -> bool:
    connection = await as_service(stage, service)
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        connection.terminate()


def partitions(stage: Stage, topic: str = TOPIC) -> list[Led]:
    async def seen() -> list[Led]:
        async with Leaders.of(stage.platform.bootstrap_servers) as leaders:
            return await leaders.partitions(topic)

    return asyncio.run(seen())


def controller(stage: Stage) -> int:
    async def seen() -> int:
        async with Leaders.of(stage.platform.bootstrap_servers) as leaders:
            return await leaders.controller()

    return asyncio.run(seen())


def all_in_sync(stage: Stage) -> bool:
    return all(
        len(each.in_sync) == 3 for topic in (TOPIC, "__consumer_offsets") for each in partitions(stage, topic)
    )


def test_every_topic_of_a_cluster_has_three_copies_and_writes_need_two(stage: Stage) -> None:
    assert {len(each.replicas) for each in partitions(stage)} == {3}
    settings = (stage.folder / "kafka" / "kafka-1" / "server.properties").read_text()
    assert "\nmin.insync.replicas=2\n" in settings


def test_a_killed_database_is_down_until_healed(stage: Stage) -> None:
    with standing(stage, "database-killed", "postgres"):
        with pytest.raises((OSError, asyncpg.PostgresError)):
            asyncio.run(answers(stage))
        with pytest.raises(NotNowError, match="down already"):
            FAULTS["database-killed"].inject(stage, planned("database-killed", "postgres"))
    assert asyncio.run(answers(stage))


async def ended_by(stage: Stage, fault: str, target: str) -> None:
    """Hold a session; return once it has ended, under a fault."""
    session = await as_service(stage)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(
                session.execute("SELECT pg_sleep(600)"), asyncio.to_thread(inject_soon, stage, fault, target)
            )
    session.terminate()


def inject_soon(stage: Stage, fault: str, target: str) -> None:
    FAULTS[fault].inject(stage, planned(fault, target))


def test_terminated_sessions_end_in_the_middle_of_a_statement_and_new_ones_begin(stage: Stage) -> None:
    asyncio.run(ended_by(stage, "sessions-terminated", "ledger"))
    assert asyncio.run(answers(stage))


def test_a_service_without_sessions_cannot_lose_them(stage: Stage) -> None:
    with pytest.raises(NotNowError, match="no sessions"):
        inject_soon(stage, "sessions-terminated", "compliance")


def test_a_session_of_ours_that_ends_in_a_silent_transaction_is_told_from_a_mistake(stage: Stage) -> None:
    async def ended_while_silent() -> None:
        async with connected(stage) as session, session.transaction():
            mine = session.get_server_pid()
            over = asyncio.Event()
            session.add_termination_listener(lambda _: over.set())
            async with connected(stage) as other:
                await other.execute(f"SELECT pg_terminate_backend({mine})")
            await asyncio.wait_for(over.wait(), PATIENCE_SECONDS)

    with pytest.raises(NotNowError, match="ended"):
        asyncio.run(ended_while_silent())


def test_cut_connections_end_and_new_ones_pass(stage: Stage) -> None:
    asyncio.run(ended_by(stage, "connections-cut", "postgres"))
    assert asyncio.run(answers(stage))


def test_a_role_that_is_full_gets_no_connection_until_healed(stage: Stage) -> None:
    with (
        standing(stage, "role-is-full", "ledger", limit=0),
        pytest.raises(asyncpg.TooManyConnectionsError),
    ):
        asyncio.run(answers(stage))
    assert asyncio.run(answers(stage))


def test_a_server_that_is_full_gives_nobody_a_connection_until_healed(stage: Stage) -> None:
    with (
        standing(stage, "server-is-full", "ledger"),
        pytest.raises(asyncpg.TooManyConnectionsError),
    ):
        asyncio.run(answers(stage, "hr"))
    assert asyncio.run(answers(stage, "hr"))


@pytest.mark.skipif(not disk.may_mount(), reason="a disk of its own takes root")
def test_a_full_disk_takes_no_row_until_healed(stage: Stage) -> None:
    grow = "CREATE TABLE grown AS SELECT repeat(md5(g::text), 40) AS t FROM generate_series(1, 400000) AS g"
    with (
        standing(stage, "disk-is-full", "postgres", left=0),
        pytest.raises((asyncpg.DiskFullError, NotNowError)),
    ):
        execute(stage, grow, "hr")
    execute(stage, "CREATE TABLE grown AS SELECT 1; DROP TABLE grown", "hr")


def test_rows_locked_against_the_order_of_a_service_make_it_the_victim_of_a_deadlock(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(contention.LOCKED_TABLES, "hr", ("chaos_rows", "id"))
    execute(stage, f"{ROWS}; GRANT ALL ON chaos_rows TO hr", "hr")
    with standing(stage, "deadlock", "hr"):
        asyncio.run(until_deadlocked(stage))


def test_a_quarrel_may_end_while_the_database_is_down(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contention.LOCKED_TABLES, "hr", ("chaos_rows", "id"))
    execute(stage, ROWS, "hr")
    quarrel = planned("deadlock", "hr")
    FAULTS["deadlock"].inject(stage, quarrel)
    with standing(stage, "database-killed", "postgres"):
        FAULTS["deadlock"].heal(stage, quarrel)
        stage.finish_aside()
    assert any("uncounted" in deed.what for deed in stage.deeds)


async def until_deadlocked(stage: Stage) -> None:
    """Lock rows in ascending order, as services do, until that is a deadlock."""
    session = await as_service(stage, "hr")
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await asyncio.wait_for(lock_over_and_over(session), PATIENCE_SECONDS)
    await session.close()


async def lock_over_and_over(session: Connection) -> None:
    while True:
        async with session.transaction():
            for row in range(1, 41):
                await session.execute("SELECT FROM chaos_rows WHERE id = $1 FOR UPDATE", row)


def test_locked_rows_keep_a_writer_waiting_until_healed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(contention.LOCKED_TABLES, "hr", ("chaos_rows", "id"))
    execute(stage, f"{ROWS}; GRANT ALL ON chaos_rows TO hr", "hr")
    with standing(stage, "rows-locked", "hr"), pytest.raises(asyncpg.LockNotAvailableError):
        asyncio.run(write(stage, "UPDATE chaos_rows SET text = 'x'"))
    asyncio.run(write(stage, "UPDATE chaos_rows SET text = 'x'"))


def test_serialization_failures_hit_the_inbox_until_healed(stage: Stage) -> None:
    nothing = "INSERT INTO inbox SELECT * FROM inbox LIMIT 0"
    with (
        standing(stage, "serialization-failures", "hr", likely=1.0),
        pytest.raises(asyncpg.SerializationError),
    ):
        asyncio.run(write(stage, nothing))
    asyncio.run(write(stage, nothing))


async def write(stage: Stage, statement: str) -> None:
    session = await as_service(stage, "hr")
    try:
        await session.execute("SET lock_timeout = '200ms'")
        await session.execute(statement)
    finally:
        session.terminate()


def test_a_killed_broker_falls_out_of_sync_and_is_in_sync_again_once_healed(stage: Stage) -> None:
    assert stage.until(lambda: all_in_sync(stage), PATIENCE_SECONDS)
    with standing(stage, "broker-killed", "kafka-2"):
        assert stage.until(lambda: all(2 not in each.in_sync for each in partitions(stage)), PATIENCE_SECONDS)
        assert all(each.leader != 2 for each in partitions(stage))
    assert stage.until(lambda: all_in_sync(stage), PATIENCE_SECONDS)


def test_when_the_controller_is_killed_another_takes_over(stage: Stage) -> None:
    before = controller(stage)
    with standing(stage, "leader-killed", "controller"):
        assert not stage.is_ready(f"kafka-{before}") or stage.component(f"kafka-{before}").restarts
        assert stage.until(lambda: controller(stage) not in {before, -1}, PATIENCE_SECONDS)
    assert stage.until(lambda: all_in_sync(stage), PATIENCE_SECONDS)


def test_the_leader_of_the_topic_is_the_one_that_is_killed(stage: Stage) -> None:
    leader = partitions(stage)[0].leader
    with standing(stage, "leader-killed", TOPIC):
        assert stage.until(lambda: partitions(stage)[0].leader not in {leader, -1}, PATIENCE_SECONDS)
    assert stage.until(lambda: all_in_sync(stage), PATIENCE_SECONDS)


def test_every_partition_of_a_topic_moves_to_another_leader(stage: Stage) -> None:
    before = {each.partition: each.leader for each in partitions(stage)}
    with standing(stage, "leader-moved", TOPIC):
        assert stage.until(
            lambda: all(each.leader not in {before[each.partition], -1} for each in partitions(stage)),
            PATIENCE_SECONDS,
        )
    assert all(each.replicas[0] == each.leader for each in partitions(stage))


async def is_stored(servers: str, within: float) -> bool:
    """Publish a record through the proxies; say whether the brokers stored it in time."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", request_timeout_ms=5_000)
    try:
        async with asyncio.timeout(within):
            await producer.start()
            await producer.send_and_wait(TOPIC, b"chaos")
    except (TimeoutError, OSError, KafkaError):
        return False
    finally:
        await producer.client.close()
    return True


@pytest.mark.parametrize(
    ("fault", "passage", "direction"),
    [
        ("black-hole", "held", "both"),
        ("black-hole", "held", "answers"),
        ("unreachable", "refused", "both"),
    ],
)
def test_brokers_out_of_reach_store_nothing_until_healed(
    stage: Stage, fault: str, passage: str, direction: str
) -> None:
    servers = stage.platform.plan.clients_bootstrap_servers
    condition: Mapping[str, int | float | str] = {
        "passage": passage,
        "latency": 0.0,
        "jitter": 0.0,
        "direction": direction,
    }
    names = "kafka-1,kafka-2,kafka-3"
    with standing(stage, fault, names, **condition):
        assert not asyncio.run(is_stored(servers, A_MOMENT * 4))
        assert all_in_sync(stage), "brokers and tools reach one another by themselves"
        with pytest.raises(NotNowError, match="bad already"):
            FAULTS[fault].inject(stage, planned(fault, names, **condition))
    assert asyncio.run(is_stored(servers, PATIENCE_SECONDS))


def test_a_slow_network_is_slow_both_ways_until_healed(stage: Stage) -> None:
    condition: Mapping[str, int | float | str] = {
        "passage": "open",
        "latency": 0.2,
        "jitter": 0.0,
        "direction": "both",
    }
    with standing(stage, "slow-network", "postgres", **condition):
        seen = Network(stage.platform.plan.ports["network"]).seen()["postgres"]
        assert (seen["latency"], seen["passage"]) == (0.2, "open")
        assert asyncio.run(answers(stage))
    assert Network(stage.platform.plan.ports["network"]).seen()["postgres"]["latency"] == 0


CLOCK = """
import time
from datetime import UTC, datetime
from pathlib import Path
from backoffice_cli.chaos.sabotage import clock
clock.install(Path({file!r}))
from backoffice_chassis.clock import SystemClock
real = datetime.now(UTC).timestamp()
print(round(SystemClock().now().timestamp() - real), round(time.time() - real), time.tzname[0])
"""


@pytest.mark.parametrize("jump", [-3600, 0, 86_400 * 400])
def test_a_jumping_clock_moves_the_time_of_day_and_takes_the_zone(tmp_path: Path, jump: int) -> None:
    file = tmp_path / "clock"
    file.write_text(str(jump))
    code = CLOCK.format(file=str(file))
    environment = {**os.environ, "TZ": "Asia/Kathmandu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(jump), str(jump), "+0545"]


def test_the_superuser_reaches_the_database_past_the_proxy(stage: Stage) -> None:
    assert f":{stage.platform.plan.ports['postgres']}/" in url_of(stage)
