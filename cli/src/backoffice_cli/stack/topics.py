"""The platform's Kafka topics, declared once: they follow from the event contracts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from backoffice_cli.stack.errors import StackError
from backoffice_events.contracts import Topic, all_topics

DAY_MS = 24 * 60 * 60 * 1000
RETENTION = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)}
COMPACTION = {"cleanup.policy": "compact", "delete.retention.ms": str(7 * DAY_MS), "segment.ms": str(DAY_MS)}
TOPIC_EXISTS = 36
LEADER_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it is to be created."""

    name: str
    partitions: int
    configs: Mapping[str, str]


def planned_topics() -> list[TopicPlan]:
    """Return every topic that a contract travels on, with its configuration.

    A consumer group's dead-letter topics are created by the worker that runs the group.
    """
    return [_plan(topic) for topic in all_topics()]


def _plan(topic: Topic) -> TopicPlan:
    return TopicPlan(topic.name, topic.partitions, COMPACTION if topic.compacted else RETENTION)


async def create_topics(
    bootstrap_servers: str, topics: Sequence[TopicPlan], replication_factor: int = 1
) -> None:
    """Create the topics that are missing, and return once every partition has a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        wanted = [
            NewTopic(t.name, t.partitions, replication_factor, topic_configs=dict(t.configs)) for t in topics
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
