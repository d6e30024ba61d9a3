"""What the broker says of consumer groups, whether a process reads for them or not."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from backoffice_events.brokers import Brokers
from backoffice_events.messaging import lag

pytestmark = pytest.mark.integration


async def test_a_group_that_nobody_runs_is_behind_by_what_it_has_not_taken(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "FETCH_MS", 60_000)
    made = await stage.contract(partitions=1)
    now = datetime.now(UTC).replace(microsecond=0)  # a broker soon removes what is long past
    times = [now - timedelta(minutes=minutes) for minutes in (50, 40, 30, 20, 10)]
    async with AIOKafkaProducer(bootstrap_servers=stage.kafka) as producer:
        for each in times:
            await producer.send_and_wait(made.topic.name, b"{}", timestamp_ms=round(each.timestamp() * 1000))
    group, place = f"test.lag-{secrets.token_hex(4)}", TopicPartition(made.topic.name, 0)
    reader = AIOKafkaConsumer(bootstrap_servers=stage.kafka, group_id=group, enable_auto_commit=False)
    await reader.start()
    reader.assign([place])
    await reader.commit({place: 3})
    await reader.stop()

    assert group in await lag.group_names(Brokers(stage.kafka))
    [found] = await lag.measure(Brokers(stage.kafka), {group: ()})
    [partition] = found.partitions
    assert (found.lag, found.members, partition.committed, partition.end) == (2, 0, 3, 5)
    assert partition.oldest_at == times[3]


async def test_a_group_that_has_taken_nothing_yet_is_behind_by_all_of_its_topics(stage: Any) -> None:
    made = await stage.contract(partitions=2)
    [found] = await lag.measure(Brokers(stage.kafka), {"test.lag-never": [made.topic.name]})
    assert [(each.committed, each.end, each.oldest_at) for each in found.partitions] == [(None, 0, None)] * 2
