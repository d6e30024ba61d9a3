"""What the broker says of consumer groups, whether a process reads for them or not."""

import secrets
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from backoffice_events.brokers import Brokers
from backoffice_events.messaging import lag

pytestmark = pytest.mark.integration


async def test_a_group_that_nobody_runs_is_behind_by_what_it_has_not_taken(stage: Any) -> None:
    made = await stage.contract(partitions=1)
    relay = stage.relay()
    await stage.publish(*[made(name="a", number=number) for number in range(5)])
    async with relay._engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await relay._round(driver)
    group, place = f"test.lag-{secrets.token_hex(4)}", TopicPartition(made.topic.name, 0)
    reader = AIOKafkaConsumer(bootstrap_servers=stage.kafka, group_id=group, enable_auto_commit=False)
    await reader.start()
    reader.assign([place])
    await reader.commit({place: 3})
    await reader.stop()
    await relay._sender.stop()

    assert group in await lag.group_names(Brokers(stage.kafka))
    [found] = await lag.measure(Brokers(stage.kafka), {group: ()})
    [partition] = found.partitions
    assert (found.lag, found.members, partition.committed, partition.end) == (2, 0, 3, 5)
    [fourth] = [record for record in await stage.records(made.topic.name) if record.offset == 3]
    assert fourth.offset == 3
    assert partition.oldest_at is not None


async def test_a_group_that_has_taken_nothing_yet_is_behind_by_all_of_its_topics(stage: Any) -> None:
    made = await stage.contract(partitions=2)
    [found] = await lag.measure(Brokers(stage.kafka), {"test.lag-never": [made.topic.name]})
    assert [(each.committed, each.end, each.oldest_at) for each in found.partitions] == [(None, 0, None)] * 2
