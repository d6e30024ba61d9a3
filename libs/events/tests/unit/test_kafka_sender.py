"""A sender whose broker went away without a word."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError

from backoffice_events import kafka
from backoffice_events.brokers import Brokers
from backoffice_events.kafka import KafkaSender
from backoffice_events.records import Record

pytestmark = pytest.mark.unit


class Producer:
    """Knows no topic. answers: what its broker says to a question for metadata, None when it says nothing."""

    def __init__(self, answers: bool | None) -> None:
        self.client = self
        self.stopped = False
        self._answers = answers

    async def partitions_for(self, _: str) -> set[int]:
        await asyncio.Event().wait()
        return set()

    async def force_metadata_update(self) -> bool:
        if self._answers is None:
            await asyncio.Event().wait()
        return bool(self._answers)

    async def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize(
    ("answers", "error", "given_up"),
    [
        (True, UnknownTopicOrPartitionError, False),
        (False, KafkaConnectionError, True),
        (None, KafkaConnectionError, True),
    ],
)
async def test_a_producer_is_replaced_when_no_broker_answers_it_and_kept_when_a_topic_is_missing(
    monkeypatch: pytest.MonkeyPatch, answers: bool | None, error: type[Exception], given_up: bool
) -> None:
    monkeypatch.setattr(kafka, "METADATA_SECONDS", 0.01)
    producer, sender = Producer(answers), KafkaSender(Brokers("nowhere:9092"))
    made: list[Any] = [producer]

    async def new_producer() -> Any:
        return made.pop()

    monkeypatch.setattr(sender, "_new_producer", new_producer)
    failed = await sender.send([Record("t", b"k", b"v", [])])
    assert isinstance(failed[0], error)
    assert producer.stopped is given_up
