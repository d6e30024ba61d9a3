"""Topics that come with a consumer rather than with a contract: those of its dead letters."""

import asyncio
import contextlib
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from backoffice_events.brokers import Brokers
from backoffice_events.messaging import dead_letters, telemetry
from backoffice_events.messaging.batch import ConsumerSpec

_CREATED: Final = 0
_EXISTS_ALREADY: Final = 36


async def ensure_dead_letter_topics(brokers: Brokers, spec: ConsumerSpec) -> None:
    """Create the dead-letter topics that are missing, with as many replicas as the topics they belong to.

    Where the broker forbids it an operator has to create them; until then their records wait in the outbox.
    """
    admin = AIOKafkaAdminClient(**brokers.options())
    try:
        await admin.start()
        there = set(await admin.list_topics())
        sources = [topic.name for topic in spec.topics]
        missing = [name for name in sources if dead_letters.topic_of(name, spec.group) not in there]
        if missing:
            await _create(admin, spec.group, missing)
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(admin.close(), 5)


async def _create(admin: Any, group: str, sources: list[str]) -> None:
    described = await admin.describe_topics(sources)
    wanted = [
        NewTopic(dead_letters.topic_of(topic["topic"], group), 1, len(topic["partitions"][0]["replicas"]))
        for topic in described
        if topic["partitions"]
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *_ in answer.topic_errors:
        if code not in {_CREATED, _EXISTS_ALREADY}:
            telemetry.log.error("topic %s could not be created: %s", name, for_code(code).__name__)
