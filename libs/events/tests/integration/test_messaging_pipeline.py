"""A consumer on the real broker: deaths, rebalances and outages, and still every effect once and in order."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import RequestTimedOutError
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy

from backoffice_events import expansion
from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import encode
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerOptions, ConsumerSpec, Messaging
from backoffice_events.messaging.consumer import Consumer
from backoffice_events.records import MAX_RECORD_BYTES

pytestmark = pytest.mark.integration

GROUPS = iter(f"test.pipeline-{number}" for number in range(1000))
QUICK = {"heartbeat": 0.2, "session_timeout": 6.0}


class Scene:
    """A topic, a consumer group and the effects of its events."""

    def __init__(self, stage: Any, ledger: Any, made: Any) -> None:
        self.stage, self.ledger, self.made = stage, ledger, made
        self.spec = ConsumerSpec(next(GROUPS), (made,), ledger.handle)

    def messaging(self, **options: Any) -> Messaging:
        return Messaging(
            self.stage.engine,
            brokers=Brokers(self.stage.kafka),
            source="urn:backoffice:test",
            clock=lambda: datetime.now(UTC),
            consumers=[self.spec],
            options=ConsumerOptions(**{**QUICK, **options}),
        )

    def consumer(self, kind: type[Any] = Consumer, **options: Any) -> Any:
        settings = ConsumerOptions(**{**QUICK, **options})
        return kind(self.spec, self.stage.transactions, Brokers(self.stage.kafka), settings)

    async def send(self, *numbers: int, names: str = "abcdef") -> None:
        async with self.relay():
            await self.stage.publish(
                *[self.made(name=name, number=each) for each in numbers for name in names]
            )
            await self.stage.drained()

    @contextlib.asynccontextmanager
    async def relay(self) -> AsyncIterator[None]:
        relay = self.stage.relay()
        task = asyncio.create_task(relay.run())
        try:
            yield
        finally:
            relay.stop()
            await task

    async def applied(self, number: int) -> None:
        async def enough() -> bool:
            return len(await self.ledger.effects()) >= number

        await self.stage.until(enough)

    async def each_once_in_order(self, last: int, names: str = "abcdef") -> None:
        for name in names:
            assert await self.ledger.effects(name) == list(range(1, last + 1))


@pytest.fixture
async def scene(stage: Any, ledger: Any) -> Scene:
    return Scene(stage, ledger, await stage.contract(partitions=4))


@contextlib.asynccontextmanager
async def running(*consumers: Consumer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(consumer.run()) for consumer in consumers]
    try:
        yield
    finally:
        for consumer in consumers:
            consumer.stop()
        await asyncio.gather(*tasks)


async def hold(condition: Callable[[], bool], stage: Any) -> None:
    async def holds() -> bool:
        return condition()

    await stage.until(holds)


async def test_what_a_service_publishes_takes_effect_once_and_in_order(scene: Scene) -> None:
    messaging = scene.messaging()
    await messaging.start()
    for number in range(1, 21):
        async with messaging.transactions.begin() as unit:
            for name in "abcdef":
                unit.publish(scene.made(name=name, number=number))
    await scene.applied(120)
    await scene.stage.drained()
    assert messaging.ready
    assert messaging.alive
    assert messaging.problems() == []
    assert await messaging.broker_answers()
    await messaging.stop()
    assert not await messaging.broker_answers()
    await scene.each_once_in_order(20)


async def test_a_consumer_that_dies_between_applying_and_committing_offsets_repeats_no_effect(
    scene: Scene,
) -> None:
    class Dies(Consumer):
        async def _commit(self, *_: Any) -> None:
            raise ConnectionResetError("the process died here")

    await scene.send(*range(1, 11))
    async with running(scene.consumer(Dies)):
        await scene.applied(60)
    await scene.send(11)
    async with running(scene.consumer()):
        await scene.applied(66)
    await scene.each_once_in_order(11)


async def test_a_consumer_that_dies_in_the_middle_of_a_batch_leaves_no_half_of_it(scene: Scene) -> None:
    reached = asyncio.Event()

    async def linger(_: Batch) -> None:
        reached.set()
        await asyncio.Event().wait()

    await scene.send(*range(1, 11))
    scene.ledger.before = linger
    dying = asyncio.create_task(scene.consumer().run())
    await reached.wait()
    dying.cancel()
    await asyncio.wait({dying})
    assert await scene.ledger.effects() == []
    scene.ledger.before = None
    async with running(scene.consumer()):
        await scene.applied(60)
    await scene.each_once_in_order(10)


async def test_a_member_that_joins_in_the_middle_of_a_batch_neither_loses_nor_repeats(scene: Scene) -> None:
    first, second = scene.consumer(), scene.consumer()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def linger(_: Batch) -> None:
        reached.set()
        await go_on.wait()

    await scene.send(*range(1, 11))
    scene.ledger.before = linger
    async with running(first):
        await reached.wait()
        async with running(second):
            await hold(
                first._revoking.is_set, scene.stage
            )  # the batch is in hand while its partitions are called in
            go_on.set()
            await hold(lambda: first.ready and second.ready, scene.stage)
            await scene.send(*range(11, 21))
            await scene.applied(120)
    await scene.each_once_in_order(20)


async def test_a_batch_that_outlasts_the_grace_of_a_rebalance_is_rolled_back_and_done_again(
    scene: Scene,
) -> None:
    first, second = scene.consumer(revocation_grace=0.2), scene.consumer()
    reached = asyncio.Event()

    async def hang_once(_: Batch) -> None:
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()

    await scene.send(*range(1, 11))
    scene.ledger.before = hang_once
    async with running(first):
        await reached.wait()
        async with running(second):
            await scene.applied(60)
    await scene.each_once_in_order(10)


async def test_members_that_come_and_go_under_load_keep_every_key_in_order(scene: Scene) -> None:
    seen: dict[str, int] = defaultdict(int)
    async with scene.relay(), running(scene.consumer()):
        for turn in range(4):
            async with running(scene.consumer()):
                numbers = range(turn * 10 + 1, turn * 10 + 11)
                await scene.stage.publish(
                    *[scene.made(name=n, number=each) for each in numbers for n in "abcdef"]
                )
                seen["sent"] += 60
                await scene.applied(seen["sent"] - 30)
        await scene.applied(240)
    await scene.each_once_in_order(40)


async def test_an_outage_is_waited_out_with_the_partitions_held(scene: Scene) -> None:
    failures = iter([ConnectionResetError("cut"), TimeoutError(), OSError(28, "no space left on device")])

    async def fail(_: Batch) -> None:
        for failure in failures:
            raise failure

    scene.ledger.before = fail
    await scene.send(1)
    consumer = scene.consumer()
    async with running(consumer):
        await scene.applied(6)
        assert consumer.ready
        assert consumer.alive
    await scene.each_once_in_order(1)
    assert await scene.ledger.rows("dead_letter") == []


async def test_a_flood_of_dead_letters_halts_the_consumer_which_says_so(scene: Scene) -> None:
    scene.ledger.refused = {1}
    await scene.send(1)
    messaging = scene.messaging(dead_letter_window=4)
    await messaging.start()
    await hold(lambda: messaging.consumers[0].halted is not None, scene.stage)
    assert not messaging.ready
    assert messaging.alive
    (problem,) = messaging.problems()
    assert "became dead letters" in problem
    await messaging.stop()


async def test_a_stop_lets_the_batch_in_hand_finish(scene: Scene) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def linger(_: Batch) -> None:
        reached.set()
        await go_on.wait()

    await scene.send(1)
    scene.ledger.before = linger
    consumer = scene.consumer()
    task = asyncio.create_task(consumer.run())
    await reached.wait()
    consumer.stop()
    go_on.set()
    await task
    assert len(await scene.ledger.effects()) in {1, 2, 3, 4, 5, 6}
    scene.ledger.before = None
    async with running(scene.consumer()):
        await scene.applied(6)
    await scene.each_once_in_order(1)


async def test_a_broker_that_cannot_be_reached_is_waited_for(scene: Scene) -> None:
    pauses: list[float] = []

    class Watched(Consumer):
        async def _pause(self, seconds: float, *events: asyncio.Event) -> None:
            pauses.append(seconds)
            await super()._pause(seconds, *events)

    consumer = Watched(scene.spec, scene.stage.transactions, Brokers("127.0.0.1:9"), ConsumerOptions())
    async with running(consumer):
        await hold(lambda: len(pauses) >= 2, scene.stage)
        assert not consumer.ready
        assert consumer.alive


async def test_a_batch_that_fails_each_time_is_tried_at_ever_longer_intervals(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    class Watched(Consumer):
        async def _work(self, *_: Any) -> None:
            raise RuntimeError("a fault of ours")

        async def _pause(self, seconds: float, *_: asyncio.Event) -> None:
            pauses.append(seconds)

    monkeypatch.setattr("backoffice_events.messaging.failures.random.uniform", lambda _, most: most)
    await scene.send(1)
    async with running(scene.consumer(Watched)):
        await hold(lambda: len(pauses) >= 3, scene.stage)
    assert pauses[:3] == [0.1, 0.2, 0.4]


async def test_what_a_transaction_leaves_behind_its_records_is_no_lag(scene: Scene) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=scene.stage.kafka, transactional_id=scene.spec.group)
    await producer.start()
    sent = encode(
        scene.made(name="a", number=1), event_id=new_id(), source="urn:test", time=datetime.now(UTC)
    )
    async with producer.transaction():
        place = await producer.send_and_wait(sent.topic, sent.value, key=sent.key, headers=list(sent.headers))
    await producer.stop()
    consumer = scene.consumer(poll=0.1)
    async with running(consumer):
        await scene.applied(1)
        await hold(lambda: consumer.lag().get(place.topic_partition) == 0, scene.stage)
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.stage.kafka)
    await admin.start()
    committed = await admin.list_consumer_group_offsets(scene.spec.group)
    await admin.close()
    assert committed[place.topic_partition].offset == place.offset + 2, "behind the record and its marker"


class NotText(str):
    """A header's name as a client sends it that doesn't care for UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"caf\xe9"


async def test_offsets_that_could_not_be_committed_are_committed_though_nothing_else_comes(
    scene: Scene,
) -> None:
    class Unlucky(Consumer):
        failures = 2

        def _new_kafka(self) -> Any:
            kafka = super()._new_kafka()
            commit = kafka.commit

            async def commit_at_last(offsets: Any) -> None:
                self.failures -= 1
                if self.failures >= 0:
                    raise RequestTimedOutError
                await commit(offsets)

            kafka.commit = commit_at_last
            return kafka

    admin = AIOKafkaAdminClient(bootstrap_servers=scene.stage.kafka)
    await admin.start()

    async def committed() -> bool:
        found = await admin.list_consumer_group_offsets(scene.spec.group)
        return sum(each.offset for each in found.values()) == 6

    try:
        await scene.send(1)
        consumer = scene.consumer(Unlucky)
        async with running(consumer):
            await scene.applied(6)
            await scene.stage.until(committed)
            assert consumer.failures < 0
    finally:
        await admin.close()


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_a_header_whose_name_is_no_text_stops_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    for module in ("message_accumulator", "producer"):  # the compiled one insists on text
        name = f"aiokafka.producer.{module}.DefaultRecordBatchBuilder"
        monkeypatch.setattr(name, _DefaultRecordBatchBuilderPy)
    async with AIOKafkaProducer(
        bootstrap_servers=scene.stage.kafka, compression_type=compression, linger_ms=100
    ) as producer:
        for number in (1, 2, 3):
            event = scene.made(name="a", number=number)
            record = encode(event, event_id=new_id(), source="urn:test", time=datetime.now(UTC))
            headers = [*record.headers, *([(NotText("no text"), b"x")] if number == 2 else [])]
            await producer.send(record.topic, record.value, key=record.key, headers=headers)
    consumer = scene.consumer(poll=0.1)
    async with running(consumer):
        await scene.applied(3)
    await scene.each_once_in_order(3, "a")
    read = await scene.stage.records(scene.made.topic.name)
    assert [name for record in read for name, _ in record.headers if "caf" in name] == ["caf\\xe9"]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_batch_that_expands_beyond_all_measure_is_kept_and_stops_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    monkeypatch.setattr(expansion, "MAX_EXPANDED_BYTES", MAX_RECORD_BYTES)
    monkeypatch.setattr(expansion, "_room", bytearray(MAX_RECORD_BYTES))
    padding = {2: b" " * MAX_RECORD_BYTES}
    async with AIOKafkaProducer(
        bootstrap_servers=scene.stage.kafka, compression_type=compression, max_request_size=1 << 23
    ) as producer:
        for number in (1, 2, 3):
            event = scene.made(name="a", number=number)
            record = encode(event, event_id=new_id(), source="urn:test", time=datetime.now(UTC))
            value = (record.value or b"") + padding.get(number, b"")
            await producer.send_and_wait(record.topic, value, key=record.key, headers=list(record.headers))
    consumer = scene.consumer(poll=0.1)
    async with running(consumer):
        await scene.applied(2)
        await hold(lambda: set(consumer.lag().values()) == {0}, scene.stage)
    assert await scene.ledger.effects() == [1, 3]
    (kept,) = await scene.ledger.rows("dead_letter")
    assert kept.reason.startswith(
        "a batch of 1 record(s), offsets 1 to 1, kept as the broker has it: it expands"
    )
    assert (kept.record_offset, len(kept.value) < MAX_RECORD_BYTES) == (1, True)
    (record,) = DefaultRecordBatch(kept.value)
    assert (record.key, record.value.rstrip(b" ")) == (b"a", b'{"name":"a","number":2}')


async def test_a_poll_ends_when_what_it_brought_has_expanded_to_enough(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice_events.kafka_consumer.ENOUGH_BYTES", 100_000)
    async with AIOKafkaProducer(bootstrap_servers=scene.stage.kafka, compression_type="zstd") as producer:
        for number in range(1, 10):
            event = scene.made(name="a", number=number)
            record = encode(event, event_id=new_id(), source="urn:test", time=datetime.now(UTC))
            value = (record.value or b"") + b" " * 40_000
            await producer.send_and_wait(record.topic, value, key=record.key, headers=list(record.headers))
    async with running(scene.consumer()):
        await scene.applied(9)
    assert scene.ledger.batches == [3, 3, 3]
    await scene.each_once_in_order(9, "a")


async def test_dead_letters_reach_their_topic(scene: Scene) -> None:
    scene.ledger.refused = {1}
    messaging = scene.messaging()
    await messaging.start()
    async with messaging.transactions.begin() as unit:
        unit.publish(scene.made(name="a", number=1))

    async def dead() -> bool:
        status = await messaging.status()
        return status.dead_letters == 1 and status.outbox_pending == 0

    await scene.stage.until(dead)
    await messaging.stop()
    (copy,) = await scene.stage.records(f"{scene.made.topic.name}.{scene.spec.group}.dlq")
    (dead_letter,) = await scene.ledger.rows("dead_letter")
    assert (copy.key, copy.value) == (dead_letter.record_key, dead_letter.value)
    assert dict(copy.headers)["dlq_id"] == dead_letter.id.encode()
