"""How far the service's consumers are behind, as the broker sees it."""

import asyncio
from datetime import datetime

from aiokafka.errors import KafkaError
from fastapi import Request
from pydantic import BaseModel, Field

from backoffice_chassis.http.problems import unavailable
from backoffice_chassis.http.routing import Router
from backoffice_chassis.messaging_api.access import Reader
from backoffice_chassis.resources import resources_of
from backoffice_events.messaging import lag

PATIENCE_SECONDS = 15

router = Router(prefix="/messaging", tags=["messaging"])


class PartitionLag(BaseModel):
    """One partition as a group sees it."""

    topic: str
    partition: int
    committed: int | None = Field(description="The next offset to take; null before the first.")
    end: int = Field(description="The offset of the next record to come.")
    lag: int
    oldest_seconds: float | None = Field(
        description="Age of the oldest record that waits; null when none does."
    )


class GroupLag(BaseModel):
    """One consumer of the service."""

    group: str
    state: str = Field(
        description="As the broker says: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead."
    )
    members: int = Field(description="Processes that take part, this one or others.")
    lag: int
    partitions: list[PartitionLag]


@router.get("/lag")
async def get_lag(request: Request, _: Reader) -> list[GroupLag]:
    """Say how many records wait for each consumer of the service, by partition, and since when the oldest does."""
    messaging = resources_of(request).messaging
    specs = [consumer.spec for consumer in messaging.consumers]
    groups = {spec.group: [topic.name for topic in spec.topics] for spec in specs}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await lag.measure(resources_of(request).settings.brokers, groups)
    except (KafkaError, TimeoutError) as error:
        raise unavailable("The broker does not answer: try again once it does.") from error
    now = messaging.transactions.clock()
    return [_group(each, now) for each in found]


def _group(found: lag.GroupLag, now: datetime) -> GroupLag:
    partitions = [
        PartitionLag(
            topic=each.topic,
            partition=each.partition,
            committed=each.committed,
            end=each.end,
            lag=each.lag,
            oldest_seconds=None
            if each.oldest_at is None
            else max(0.0, (now - each.oldest_at).total_seconds()),
        )
        for each in found.partitions
    ]
    return GroupLag(
        group=found.group, state=found.state, members=found.members, lag=found.lag, partitions=partitions
    )
