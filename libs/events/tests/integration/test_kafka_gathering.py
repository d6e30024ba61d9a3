"""While nothing comes the first record is fetched at once; then records gather at the broker, where they may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from backoffice_events.kafka_consumer import KafkaConsumer

pytestmark = pytest.mark.integration

HOUR = 3_600
PATIENCE = 60


@pytest.fixture
async def topic(stage: Any) -> str:
    made = await stage.contract(partitions=1)
    return str(made.topic.name)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def consumer(kafka: str, topic: str) -> AsyncIterator[KafkaConsumer]:
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", gather=HOUR)
    await consumer.start()
    yield consumer
    await consumer.stop()


async def values(consumer: KafkaConsumer, number: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < number:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [record.value for record in records]
    return found


async def test_the_first_record_is_there_at_once_though_the_broker_may_let_records_gather_for_an_hour(
    consumer: KafkaConsumer, producer: AIOKafkaProducer, topic: str
) -> None:
    assert await consumer.getmany(timeout_ms=500) == {}
    await producer.send_and_wait(topic, b"first")
    assert await values(consumer, 1) == [b"first"]


async def test_nothing_gathers_where_a_consumer_does_not_want_it(
    kafka: str, producer: AIOKafkaProducer, topic: str
) -> None:
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", gather=0)
    await consumer.start()
    try:
        for value in (b"first", b"second", b"third"):
            await producer.send_and_wait(topic, value)
            assert await values(consumer, 1) == [value]
    finally:
        await consumer.stop()


async def test_what_comes_after_the_first_gathers_until_it_is_enough(
    consumer: KafkaConsumer, producer: AIOKafkaProducer, topic: str
) -> None:
    await producer.send_and_wait(topic, b"first")
    assert await values(consumer, 1) == [b"first"]
    await producer.send_and_wait(topic, b"second")
    assert await consumer.getmany(timeout_ms=500) == {}
    most = b"x" * 300_000
    await producer.send_and_wait(topic, most)
    assert await values(consumer, 2) == [b"second", most]
