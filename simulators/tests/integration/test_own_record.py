"""A simulator's own record: written ahead, so that whatever lies on the topic stands in it."""

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from backoffice_events.brokers import Brokers
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS, ConfirmationSent
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from backoffice_events.messaging.lag import committed_offsets
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record
from simulators.record import OwnRecord
from simulators.topics import progress, reading, until_now

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
async def topic(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        wanted = NewTopic(COUNTERPARTY_CONFIRMATIONS.name, COUNTERPARTY_CONFIRMATIONS.partitions, 1)
        await admin.create_topics([wanted])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()


def words(publisher: Publisher) -> list[Record]:
    said = ConfirmationSent(
        counterparty_lei="549300HBJLRO8YFMI370",
        confirmation_reference="C",
        version=1,
        source_system="S",
        trade_reference=new_id(),
        side=Side.BUY,
        isin="US0378331005",
        quantity=Decimal(1),
        price=Decimal(1),
        currency="USD",
        net_amount=Decimal(1),
        trade_date=date(2024, 6, 3),
        settlement_date=date(2024, 6, 4),
    )
    return [publisher.record(said, event_id=new_id()) for _ in range(3)]


def lines(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(datetime.fromisoformat(line["at"]).tzinfo == UTC for line in found)
    return found


async def test_what_lies_on_the_topic_stands_in_the_record_byte_for_byte(kafka: str, tmp_path: Path) -> None:
    path = tmp_path / "said" / "record.jsonl"
    async with Publisher(brokers=Brokers(kafka), source="urn:test") as publisher:
        sent = words(publisher)
        await OwnRecord(path).send(publisher, sent)
    stages = [line["stage"] for line in lines(path)]
    assert stages == ["intended"] * 3 + ["acknowledged"] * 3
    recorded = {(line["key"], base64.b64decode(line["value"])) for line in lines(path)[:3]}
    async with reading(Brokers(kafka), [COUNTERPARTY_CONFIRMATIONS]) as consumer:
        there = {
            (record.key.decode(), record.value) async for batch in until_now(consumer) for record in batch
        }
    assert recorded == {((each.key or b"").decode(), each.value) for each in sent}
    assert recorded <= there


async def test_what_is_dealt_with_can_be_seen_by_the_offsets_of_a_group(kafka: str, tmp_path: Path) -> None:
    group = f"simulators.{new_id()}"
    async with Publisher(brokers=Brokers(kafka), source="urn:test") as publisher:
        for _ in range(2):  # the second time partitions are known that the first had not
            await OwnRecord(tmp_path / "record.jsonl").send(publisher, words(publisher))
            async with reading(Brokers(kafka), [COUNTERPARTY_CONFIRMATIONS]) as consumer:
                read = [record async for batch in until_now(consumer) for record in batch]
            async with progress(Brokers(kafka), group) as dealt_with:
                for record in read:
                    dealt_with.note([record])
                    await dealt_with.tell()
            ends = {
                TopicPartition(record.topic, record.partition): record.offset + 1
                for record in sorted(read, key=lambda each: each.offset)
            }
            assert await committed_offsets(Brokers(kafka), group) == ends


async def test_what_the_broker_never_took_was_intended_and_not_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    publisher = Publisher(brokers=Brokers("127.0.0.1:9"), source="urn:test")  # nobody listens there
    sent = words(publisher)
    with pytest.raises(KafkaError):
        await OwnRecord(path).send(publisher, sent)
    assert [line["stage"] for line in lines(path)] == ["intended"] * 3
