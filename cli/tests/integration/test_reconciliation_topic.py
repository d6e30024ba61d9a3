"""The front office's topic as a reconciliation reads it from a real broker, once its beginning is past retention."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from backoffice_cli.provisioning import access
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.reconciliation.records import Place, TakenRecord, TradeKey
from backoffice_cli.reconciliation.topic import read_published
from backoffice_cli.stack.testing import shared_server
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES

pytestmark = pytest.mark.integration

TOPIC = FRONTOFFICE_TRADES.name


@pytest.fixture
async def brokers(tmp_path_factory: pytest.TempPathFactory) -> Brokers:
    """Return a broker of its own, on which nobody else trades."""
    server = shared_server("kafka", tmp_path_factory.mktemp("kafka"), os.getpid())
    brokers = Brokers(server["bootstrap_servers"])
    await create_topics(brokers, [topic for topic in access.load().topics if topic.name == TOPIC])
    return brokers


async def publish(brokers: Brokers, *references: str) -> None:
    """Publish trades on the first partition, one after the other."""
    async with AIOKafkaProducer(**brokers.options()) as producer:
        for reference in references:
            trade = {"source_system": "EQ", "trade_reference": reference, "version": 1}
            await producer.send_and_wait(TOPIC, json.dumps(trade).encode(), partition=0)


async def cut(brokers: Brokers, before: int) -> None:
    """Delete what retention would, on the first partition."""
    admin = AIOKafkaAdminClient(**brokers.options())
    await admin.start()
    await admin.delete_records({TopicPartition(TOPIC, 0): RecordsToDelete(before)})
    await admin.close()


async def test_what_is_past_retention_is_told_from_what_should_be_there(brokers: Brokers) -> None:
    started = datetime.now(UTC) - timedelta(milliseconds=1)  # what a broker tells ends there
    await publish(brokers, "T-0", "T-1", "T-2")
    await cut(brokers, 2)
    published = await read_published(brokers)
    now = datetime.now(UTC)
    assert published.versions == {TradeKey("EQ", "T-2"): {1}}
    assert set(published.beginnings) == {0}
    assert published.beginnings[0].offset == 2
    assert started <= published.beginnings[0].arrived_at <= now
    kept = [published.should_keep(TakenRecord(Place(0, offset), now)) for offset in (0, 1, 2, 3)]
    assert kept == [False, False, True, True]
    assert not published.should_keep(TakenRecord(Place(1, 0), now))
    await cut(brokers, 3)
    emptied = await read_published(brokers)
    assert (emptied.versions, emptied.beginnings) == ({}, {})
