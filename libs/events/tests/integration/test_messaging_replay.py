"""A rebuild takes what has taken effect, and nothing else."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import TopicPartition
from sqlalchemy import text

from backoffice_events import cloudevents
from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import encode
from backoffice_events.ids import new_id
from backoffice_events.kafka import KafkaSender
from backoffice_events.messaging import ConsumerSpec
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.processor import Processor
from backoffice_events.messaging.replay import Rebuild, not_in_effect

pytestmark = pytest.mark.integration

NOW = datetime(2024, 6, 3, 9, 30, tzinfo=UTC)


async def test_an_event_that_was_refused_is_left_out_wherever_it_was_delivered_again(
    stage: Any, ledger: Any
) -> None:
    made = await stage.contract(partitions=1)
    spec = ConsumerSpec("test.replay", (made,), ledger.handle)
    refused, taken = (
        encode(made(name="a", number=number), event_id=new_id(), source="urn:test", time=NOW)
        for number in (1, 2)
    )
    sender = KafkaSender(Brokers(stage.kafka))
    await sender.send([refused, refused, taken])
    await sender.stop()
    ledger.refused = {1}
    await Processor(spec, stage.transactions, DeadLetterCap()).process(await stage.records(made.topic.name))
    ledger.refused = set()

    async with stage.engine.begin() as connection:
        leave_out = await not_in_effect(connection, spec.group)
        await connection.execute(
            text("TRUNCATE inbox, dead_letter, effect")
        )  # the tables to be filled are empty
    work = Rebuild.of(spec, stage.transactions, Brokers(stage.kafka))
    await work.advance({TopicPartition(made.topic.name, 0): 3}, leave_out)
    assert await ledger.effects() == [2]
    assert (work.read, work.skipped) == (3, 2)


async def test_what_could_not_be_read_when_it_came_is_left_out_by_its_place(
    stage: Any, ledger: Any, arrival: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage.declare()
    first, again = (arrival(made(name="a", number=1), event_id="same") for _ in range(2))
    spec = ConsumerSpec("test.replay", (made,), ledger.handle)
    with monkeypatch.context() as older_release:
        older_release.setattr(cloudevents, "contract_of", lambda _: None)
        older_release.setattr(cloudevents, "_contract_named", cloudevents._contract_named.__wrapped__)
        await Processor(spec, stage.transactions, DeadLetterCap()).process([first])
    async with stage.engine.connect() as connection:
        leave_out = await not_in_effect(connection, spec.group)
    assert (leave_out.holds(first), leave_out.holds(again)) == (True, False)
