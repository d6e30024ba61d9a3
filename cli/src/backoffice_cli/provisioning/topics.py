"""Creating topics on a cluster."""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from backoffice_cli.provisioning.access import Topic
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import Brokers

TOPIC_EXISTS = 36
LEADER_ATTEMPTS = 100


async def create_topics(brokers: Brokers, topics: Sequence[Topic], replication_factor: int = 1) -> None:
    """Create the topics that are missing, and return once every partition has a leader."""
    admin = AIOKafkaAdminClient(**brokers.options())
    await admin.start()
    try:
        wanted = [
            NewTopic(t.name, t.partitions, replication_factor, topic_configs=dict(t.config)) for t in topics
        ]
        answer = await admin.create_topics(wanted)
        for name, code, *_ in answer.topic_errors:
            if code not in (0, TOPIC_EXISTS):
                raise StackError(f"Topic {name} could not be created: {for_code(code).__name__}")
        await _wait_for_leaders(admin, [topic.name for topic in topics])
    finally:
        await admin.close()


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    for _ in range(LEADER_ATTEMPTS):
        described = await admin.describe_topics(names)
        if all(
            topic["error_code"] == 0 and all(p["error_code"] == 0 for p in topic["partitions"])
            for topic in described
        ):
            return
        await asyncio.sleep(0.1)
    raise StackError("Some topics have no leader.", "See the broker's log: backoffice logs kafka")
