"""The servers that tests and the embedded stack run on."""

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from backoffice_cli.stack.testing import PostgresServer

pytestmark = pytest.mark.integration


async def test_postgres_is_version_18_and_takes_the_superuser(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.admin_url)
    try:
        assert (await connection.fetchval("SHOW server_version")).startswith("18.")
    finally:
        await connection.close()


async def test_postgres_refuses_a_wrong_password(postgres: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.admin_url.replace(":test@", ":wrong@"))


async def test_kafka_hands_a_consumer_group_what_was_published(kafka: str) -> None:
    topic = "stack.servers.v1"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"hello")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id="stack", auto_offset_reset="earliest"
    )
    async with consumer:
        assert (await consumer.getone()).value == b"hello"
