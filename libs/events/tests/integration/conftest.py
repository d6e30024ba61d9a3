"""A database with the messaging tables and a ledger of effects, and contracts on topics of a test's own."""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_cli.stack.testing import PostgresServer
from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts import base
from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.ids import new_id
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.messaging import Batch, Transactions, outbox, schema
from backoffice_events.messaging.relay import Relay
from backoffice_events.messaging.tables import metadata
from backoffice_events.records import Record

NOW = datetime(2024, 6, 3, 9, 30, tzinfo=UTC)


class Counted(Event, frozen=True, kw_only=True):
    """An event that says the how-manieth of its key it is."""

    name: str
    number: int


class _Bind:
    def __init__(self, bind: object) -> None:
        self._bind = bind

    def get_bind(self) -> object:
        return self._bind


@pytest.fixture
async def engine(postgres: PostgresServer) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a fresh database with the messaging tables and a table `effect`."""
    name = f"messaging_{secrets.token_hex(6)}"
    admin = create_async_engine(postgres.url("postgres", "postgres"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_async_engine(postgres.url("postgres", name), pool_size=20)
    async with engine.begin() as connection:
        await connection.run_sync(lambda bind: schema.upgrade_0001(_Bind(bind)))
        await connection.execute(
            text("CREATE TABLE effect (seq bigint GENERATED ALWAYS AS IDENTITY, name text, number int)")
        )
    yield engine
    await engine.dispose()
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


@pytest.fixture
def transactions(engine: AsyncEngine) -> Transactions:
    return Transactions(engine, source="urn:backoffice:test", clock=lambda: NOW)


@pytest.fixture
def contract() -> Iterator[Callable[..., type[Counted]]]:
    """Return a maker of contracts, each on a topic of its own (or the given one)."""
    made: list[str] = []

    def make(topic: Topic | None = None, partitions: int = 2) -> type[Counted]:
        name = secrets.token_hex(4)
        topic = topic or Topic(f"test.counted-{name}.v1", owner="test", partitions=partitions)
        event_type = f"backoffice.test.counted-{name}.v1"
        made.append(event_type)

        class OnTopic(Counted, frozen=True, kw_only=True):
            pass

        return event(event_type, topic, key="name")(OnTopic)

    yield make
    for event_type in made:
        del base._by_type[event_type]


@dataclass
class Ledger:
    """A handler and what it did: one row in `effect` for each event. Numbers in `poison` make it raise, those in
    `refused` are refused; `before` runs first.
    """

    engine: AsyncEngine
    poison: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    before: Callable[[Batch], Awaitable[None]] | None = None
    batches: list[int] = field(default_factory=list)

    async def handle(self, batch: Batch) -> None:
        self.batches.append(len(batch.events))
        if self.before is not None:
            await self.before(batch)
        for received in batch.events:
            number = received.event.number
            if number in self.poison:
                raise ValueError(f"poison {number}")
            if number in self.refused:
                batch.refuse(received, f"no use for {number}")
                continue
            await batch.connection.execute(
                text("INSERT INTO effect (name, number) VALUES (:name, :number)"),
                {"name": received.event.name, "number": number},
            )

    async def effects(self, name: str | None = None) -> list[int]:
        async with self.engine.connect() as connection:
            rows = (await connection.execute(text("SELECT name, number FROM effect ORDER BY seq"))).all()
        return [row.number for row in rows if name is None or row.name == name]

    async def rows(self, table: str) -> list[Any]:
        async with self.engine.connect() as connection:
            table_ = metadata.tables[table]
            return list((await connection.execute(select(table_).order_by(*table_.primary_key))).all())


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def arrival() -> Callable[..., Record]:
    """Return a maker of records as a consumer would get them, offsets counting up."""
    offsets = itertools.count()

    def make(event: Event, *, event_id: str | None = None, **changes: Any) -> Record:
        record = encode(event, event_id=event_id or new_id(), source="urn:test", time=NOW)
        fields = {"topic": record.topic, "key": record.key, "value": record.value, "headers": record.headers}
        return Record(**{**fields, "partition": 0, "offset": next(offsets), **changes})

    return make


@dataclass
class Stage:
    """A database, a broker and contracts on topics that exist."""

    engine: AsyncEngine
    transactions: Transactions
    kafka: str
    declare: Callable[..., type[Counted]]
    until: Callable[..., Awaitable[None]]

    async def contract(self, **options: Any) -> type[Counted]:
        made = self.declare(**options)
        await self.create_topic(made)
        return made

    async def create_topic(self, made: type[Counted]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(made.topic.name, made.topic.partitions, 1)])
        await admin.close()

    def relay(self) -> Relay:
        return Relay(self.engine, Brokers(self.kafka), self.transactions.wakeup)

    async def publish(self, *events: Event) -> None:
        async with self.transactions.begin() as unit:
            for each in events:
                unit.publish(each)

    async def records(self, topic: str) -> list[Record]:
        """Return every record of a topic, per partition in order."""
        consumer = KafkaConsumer(topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            await consumer.seek_to_beginning(*consumer.assignment())
            found: list[Any] = []
            while len(found) < sum(ends.values()):
                for fetched in (await consumer.getmany(timeout_ms=1000)).values():
                    found += fetched
        finally:
            await consumer.stop()
        return [Record(m.topic, m.key, m.value, m.headers, m.partition, m.offset) for m in found]

    async def events(self, made: type[Event]) -> list[Event]:
        return [decode(record).event for record in await self.records(made.topic.name)]

    async def outbox_rows(self) -> int:
        async with self.engine.connect() as connection:
            return (await outbox.depth(connection))[0]

    async def drained(self) -> None:
        async def empty() -> bool:
            return await self.outbox_rows() == 0

        await self.until(empty)


@pytest.fixture
def stage(
    engine: AsyncEngine,
    transactions: Transactions,
    kafka: str,
    contract: Callable[..., type[Counted]],
    until: Callable[..., Awaitable[None]],
) -> Stage:
    return Stage(engine, transactions, kafka, contract, until)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Return a function that waits until a condition holds, and fails when it never does."""

    async def wait(condition: Callable[[], Awaitable[bool]], *, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not await condition():
            if time.monotonic() > deadline:
                raise AssertionError("the condition never came to hold")
            await asyncio.sleep(0.02)

    return wait
