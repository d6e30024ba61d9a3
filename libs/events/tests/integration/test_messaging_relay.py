"""What the relay makes of the outbox: everything, in order per key, whatever dies in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from aiokafka.errors import NotEnoughReplicasError
from aiokafka.producer.sender import SendProduceReqHandler
from sqlalchemy import text

from backoffice_events.brokers import Brokers
from backoffice_events.messaging import Transactions, Wakeup, remembered
from backoffice_events.messaging import relay as relay_module
from backoffice_events.messaging.relay import Relay

pytestmark = pytest.mark.integration

HELD = (
    "FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextlib.asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield tasks
    finally:
        for relay in relays:
            relay.stop()
        await asyncio.gather(*tasks)


async def test_events_of_one_key_leave_in_the_order_of_commits_with_many_writers(stage: Any) -> None:
    made = await stage.contract(partitions=3)
    async with stage.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE aggregate (name text, version int)"))
        await connection.execute(text("INSERT INTO aggregate SELECT generate_series(0, 4), 0"))
    step = text("UPDATE aggregate SET version = version + 1 WHERE name = :name RETURNING version")

    async def writer() -> None:
        for turn in range(40):
            async with stage.transactions.begin() as unit:
                name = str(turn % 5)
                version = (await unit.connection.execute(step, {"name": name})).scalar_one()
                unit.publish(made(name=name, number=version))

    async with running(stage.relay()):
        await asyncio.gather(*[writer() for _ in range(4)])
        await stage.drained()
    events = await stage.events(made)
    for name in "01234":
        assert [event.number for event in events if event.name == name] == list(range(1, 33))


async def test_a_relay_that_dies_between_publishing_and_deleting_repeats_but_loses_nothing(
    stage: Any,
) -> None:
    made = await stage.contract(partitions=1)

    class DiesOnce(Relay):
        died = False

        async def _delete(self, connection: Any, stored: Sequence[int]) -> None:
            if not self.died:
                self.died = True
                raise ConnectionResetError("the process died here")
            await super()._delete(connection, stored)

    await stage.publish(*[made(name="a", number=number) for number in (1, 2, 3)])
    async with running(DiesOnce(stage.engine, Brokers(stage.kafka), stage.transactions.wakeup)):
        await stage.drained()
    assert [event.number for event in await stage.events(made)] == [1, 2, 3, 1, 2, 3]


async def test_what_the_broker_did_not_store_stays_in_the_outbox(stage: Any) -> None:
    await stage.publish((await stage.contract())(name="a", number=1))
    attempts = 0

    class Counting(Relay):
        async def _round(self, connection: Any) -> int:
            nonlocal attempts
            attempts += 1
            return await super()._round(connection)

    async def tried_again() -> bool:
        return attempts > 1

    async with running(Counting(stage.engine, Brokers("127.0.0.1:9"), stage.transactions.wakeup)):
        await stage.until(tried_again)
    assert await stage.outbox_rows() == 1


async def test_another_relay_takes_over_when_the_leaders_session_ends(stage: Any) -> None:
    made = await stage.contract(partitions=1)
    first, second = (Relay(stage.engine, Brokers(stage.kafka), Wakeup()) for _ in range(2))

    async def leads() -> bool:
        return second.leading

    async with running(first):
        await stage.publish(made(name="a", number=1))
        await stage.drained()
        async with running(second):
            assert first.leading
            assert not second.leading
            first.stop()
            await stage.until(leads)
            await stage.publish(made(name="a", number=2))
            await stage.drained()
    assert [event.number for event in await stage.events(made)] == [1, 2]


async def test_a_leader_whose_session_was_killed_stands_for_leadership_again(stage: Any) -> None:
    made = await stage.contract(partitions=1)
    kill = text(f"SELECT pg_terminate_backend(pid) {HELD}")
    async with running(stage.relay()):
        await stage.publish(made(name="a", number=1))
        await stage.drained()
        async with stage.engine.begin() as connection:
            assert len((await connection.execute(kill)).all()) == 1
        await stage.publish(made(name="a", number=2))
        await stage.drained()
    assert [event.number for event in await stage.events(made)] == [1, 2]


async def test_a_session_that_may_hold_the_lock_never_goes_back_to_the_pool(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, granted = asyncpg.Connection.fetchval, asyncio.Event()

    async def answered_too_late(connection: Any, *question: Any) -> None:
        assert await asked(connection, *question)
        granted.set()
        raise TimeoutError

    async def nobody_holds_it() -> bool:
        async with stage.engine.connect() as connection:
            return (await connection.execute(text(f"SELECT count(*) = 0 {HELD}"))).scalar_one()

    monkeypatch.setattr(asyncpg.Connection, "fetchval", answered_too_late)
    async with running(stage.relay()):
        await granted.wait()
    await stage.until(nobody_holds_it)


async def test_a_topic_that_does_not_exist_keeps_no_other_from_being_sent(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice_events.kafka.METADATA_SECONDS", 0.5)
    missing, there = stage.declare(), await stage.contract()

    async def one_left() -> bool:
        return await stage.outbox_rows() == 1

    async with running(stage.relay()):
        await stage.publish(missing(name="a", number=1), there(name="a", number=2))
        await stage.until(one_left)
        assert [event.number for event in await stage.events(there)] == [2]
        await stage.create_topic(missing)
        await stage.drained()
    assert [event.number for event in await stage.events(missing)] == [1]


async def test_a_topic_that_is_short_of_replicas_keeps_no_other_from_being_sent(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice_events.kafka.STORE_SECONDS", 1.0)
    monkeypatch.setattr("backoffice_events.kafka.STOP_SECONDS", 0.5)
    short, there = await stage.contract(), await stage.contract()
    answered = SendProduceReqHandler.handle_response

    def answer(handler: Any, response: Any) -> None:
        """Take the broker's answer as it is when a partition has too few replicas in sync, which one broker lacks."""
        for topic, partitions in response.topics:
            if topic == short.topic.name:
                partitions[:] = [
                    (place, NotEnoughReplicasError.errno, *more) for place, _, *more in partitions
                ]
        answered(handler, response)

    async def one_left() -> bool:
        return await stage.outbox_rows() == 1

    async with running(stage.relay()):
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(SendProduceReqHandler, "handle_response", answer)
            await stage.publish(short(name="a", number=1), there(name="a", number=2))
            await stage.until(one_left)
            await stage.publish(there(name="a", number=3))
            await stage.until(one_left)
        await stage.drained()
    assert {event.number for event in await stage.events(there)} == {2, 3}
    assert {event.number for event in await stage.events(short)} == {1}
    going_on = [task for task in asyncio.all_tasks() if "_sender_routine" in repr(task)]
    assert not going_on, "a producer that was given up would send old records some day"


async def test_a_commit_in_another_process_wakes_the_relay(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    made = await stage.contract()
    relay = Relay(
        stage.engine, Brokers(stage.kafka), Wakeup()
    )  # its wake-up is not the one of these transactions

    async def leads() -> bool:
        return bool(relay.leading)

    async with running(relay):
        await stage.until(leads)
        for number in (1, 2, 3):
            await stage.publish(made(name="a", number=number))
            await stage.drained()


async def test_a_backlog_of_large_events_is_sent_without_waiting_to_be_woken(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    monkeypatch.setattr(relay_module, "MAX_BYTES", 1)
    made = await stage.contract(partitions=1)
    await stage.publish(*[made(name="a", number=number) for number in (1, 2, 3)])
    async with running(stage.relay()):
        await stage.drained()
    assert [event.number for event in await stage.events(made)] == [1, 2, 3]


async def leads(stage: Any, relay: Relay) -> None:
    """Wait until a relay leads: from then on it is handed what its process commits."""

    async def leading() -> bool:
        return relay.leading

    await stage.until(leading)


async def test_what_its_own_process_committed_is_not_read_back(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    made = await stage.contract(partitions=1)
    read_back: list[Any] = []

    class Observed(Relay):
        async def _contents(self, connection: Any, waiting: Sequence[Any]) -> Any:
            read_back.extend(row for row in waiting if self._remembered.get(row["event_id"]) is None)
            return await super()._contents(connection, waiting)

    relay = Observed(stage.engine, Brokers(stage.kafka), stage.transactions.wakeup)
    async with running(relay):
        await leads(stage, relay)
        for number in range(1, 11):
            await stage.publish(made(name="a", number=number))
            await stage.drained()
    assert [event.number for event in await stage.events(made)] == list(range(1, 11))
    assert len(read_back) <= 1  # the first may be seen before the relay is handed it


@pytest.mark.parametrize("most", [remembered.MAX_BYTES, 1], ids=["remembered", "too much to remember"])
async def test_what_this_process_and_another_commit_in_turn_leaves_in_that_order(
    stage: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(remembered, "MAX_BYTES", most)
    made = await stage.contract(partitions=1)
    elsewhere = Transactions(stage.engine, source="urn:backoffice:test", clock=stage.transactions.clock)
    relay = stage.relay()
    async with running(relay):
        await leads(stage, relay)
        for number in range(1, 41):
            async with (stage.transactions if number % 3 else elsewhere).begin() as unit:
                unit.publish(made(name="a", number=number))
        await stage.drained()
    assert [event.number for event in await stage.events(made)] == list(range(1, 41))


async def test_a_record_leaves_alike_remembered_or_read_from_the_table(stage: Any) -> None:
    made = await stage.contract(partitions=1)
    await stage.publish(made(name="é", number=1))  # nobody leads yet: it will be read
    relay = stage.relay()
    async with running(relay):
        await stage.drained()
        await leads(stage, relay)
        await stage.publish(made(name="é", number=1))
        await stage.drained()
    read, kept = await stage.records(made.topic.name)
    own = {"ce_id"}
    assert (kept.key, kept.value) == (read.key, read.value)
    assert [each for each in kept.headers if each[0] not in own] == [
        each for each in read.headers if each[0] not in own
    ]


async def test_what_cannot_be_counted_in_time_holds_nothing_up(
    stage: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = await stage.contract(partitions=1)
    monkeypatch.setattr(relay_module, "_MEASURE_IN_TIME", "SET LOCAL statement_timeout = '50ms'")
    monkeypatch.setattr(relay_module, "MEASURE_SECONDS", 0.0)
    async with stage.engine.connect() as in_the_way:
        await in_the_way.execute(text("LOCK TABLE dead_letter IN ACCESS EXCLUSIVE MODE"))
        async with running(stage.relay()):
            for number in (1, 2):
                await stage.publish(made(name="a", number=number))
                await stage.drained()
    assert [event.number for event in await stage.events(made)] == [1, 2]
    assert "what waits was not counted" in caplog.text
    assert "starts anew" not in caplog.text


@pytest.mark.parametrize("statement", ["_OLDEST", "_READ", "_MEASURE", "_DELETE"])
async def test_no_statement_of_a_leader_reads_the_dead_rows_of_the_outbox(stage: Any, statement: str) -> None:
    sql = getattr(relay_module, statement)
    parameters = {"_OLDEST": "(ARRAY[]::text[])", "_MEASURE": ""}.get(statement, "(ARRAY[1, 2]::bigint[])")
    types = {"_OLDEST": "(text[])", "_MEASURE": ""}.get(statement, "(bigint[])")
    async with stage.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(relay_module._BY_INDEXES)
        await driver.execute("SET plan_cache_mode = force_generic_plan")
        await driver.execute(f"PREPARE tried {types} AS {sql}")
        plan = await driver.fetch(f"EXPLAIN EXECUTE tried {parameters}")
        await connection.invalidate()
    assert "Seq Scan on outbox" not in "\n".join(row[0] for row in plan)
