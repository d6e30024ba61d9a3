import asyncio
import contextlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError
from msgspec.structs import replace

from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES, TradeExecuted
from backoffice_events.kafka import partition_of
from backoffice_events.publisher import Publisher

pytestmark = pytest.mark.integration

README = Path(__file__).parents[2] / "README.md"
SOURCE = "urn:frontoffice:test"


def publisher(kafka: str) -> Publisher:
    return Publisher(brokers=Brokers(kafka), source=SOURCE, clock=lambda: datetime(2024, 6, 3, tzinfo=UTC))


async def test_the_example_in_the_readme_publishes_a_trade(stage: Any) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.kafka)
    await admin.start()
    with contextlib.suppress(TopicAlreadyExistsError):
        await admin.create_topics([NewTopic(FRONTOFFICE_TRADES.name, FRONTOFFICE_TRADES.partitions, 1)])
    await admin.close()
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {"__name__": "example"}
    exec(example.group(1), names)  # noqa: S102 -- the point of the test
    event_id = await names["main"](Brokers(stage.kafka))
    received = [decode(record) for record in await stage.records(FRONTOFFICE_TRADES.name)]
    (mine,) = [each for each in received if each.event_id == event_id]
    assert isinstance(mine.event, TradeExecuted)
    assert (mine.event.trade_reference, mine.source) == ("T-1", "urn:frontoffice:equities")


async def test_many_events_are_stored_in_order_per_key_on_the_keys_partition(stage: Any) -> None:
    made = await stage.contract(partitions=3)
    events = [made(name=name, number=number) for number in range(500) for name in "abc"]
    async with publisher(stage.kafka) as p:
        ids = await p.publish_many(events)
    records = await stage.records(made.topic.name)
    assert len(set(ids)) == len(records) == 1500
    assert all(record.partition == partition_of(record.key, 3) for record in records)
    stored: list[Any] = [decode(record).event for record in records]
    for name in "abc":
        assert [event.number for event in stored if event.name == name] == list(range(500))


async def test_a_resend_keeps_its_id(stage: Any) -> None:
    made = await stage.contract()
    async with publisher(stage.kafka) as p:
        first = await p.publish(made(name="a", number=1))
        assert await p.publish(made(name="a", number=1), event_id=first) == first
    assert [decode(record).event_id for record in await stage.records(made.topic.name)] == [first, first]


async def test_a_topic_that_does_not_exist_is_an_error_and_the_publisher_lives_on(stage: Any) -> None:
    missing, there = stage.declare(), await stage.contract()
    async with publisher(stage.kafka) as p:
        with pytest.raises(KafkaError):
            await p.publish(missing(name="a", number=1))
        await p.publish(there(name="a", number=1))
    assert len(await stage.records(there.topic.name)) == 1


async def test_concurrent_publishers_of_one_connection_do_not_disturb_each_other(stage: Any) -> None:
    made = await stage.contract()
    async with publisher(stage.kafka) as p:
        await asyncio.gather(*[p.publish(made(name=str(n), number=n)) for n in range(1000)])
    stored: list[Any] = [decode(record).event for record in await stage.records(made.topic.name)]
    assert {event.number for event in stored} == set(range(1000))


async def test_a_record_larger_than_a_batch_is_sent_alone(stage: Any) -> None:
    made = await stage.contract(partitions=1)
    small = encode(
        made(name="a", number=1), event_id="1", source=SOURCE, time=datetime(2024, 6, 3, tzinfo=UTC)
    )
    large = replace(small, value=b"x" * 786_432)
    async with publisher(stage.kafka) as p:
        await p.send([small, large, small])
    stored = await stage.records(made.topic.name)
    assert [record.value for record in stored] == [small.value, large.value, small.value]
