"""What waits, and for what: the outbox by topic, and parked events with the dead letter that each waits behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging.dead_letters import OPEN
from backoffice_events.messaging.tables import dead_letter, outbox, parked_event


@dataclass(frozen=True, slots=True)
class TopicBacklog:
    """Records of one topic that the broker does not have yet, and since when the oldest waits."""

    topic: str
    pending: int
    oldest_at: datetime


async def outbox_by_topic(connection: AsyncConnection) -> Sequence[TopicBacklog]:
    """Return what the outbox holds, the topic that waits longest first."""
    topic, since = outbox.c.aggregatetype, func.min(outbox.c.created_at)
    statement = select(topic, func.count(), since).group_by(topic).order_by(since, topic)
    return [TopicBacklog(*row) for row in await connection.execute(statement)]


def parked(*, consumer: str | None = None, key: str | None = None) -> Select[Any]:
    """Return the select of parked events, to be ordered by `parked_event.seq` and paged.

    `behind_id` and `behind_reason` are those of the oldest open dead letter of the key, null when there is none.
    """
    letter = (
        select(dead_letter.c.id.label("behind_id"), dead_letter.c.reason.label("behind_reason"))
        .where(
            dead_letter.c.consumer == parked_event.c.consumer,
            dead_letter.c.key == parked_event.c.key,
            dead_letter.c.status == OPEN,
        )
        .order_by(dead_letter.c.seq)
        .limit(1)
        .lateral("behind")
    )
    statement = select(parked_event, letter.c.behind_id, letter.c.behind_reason).select_from(
        parked_event.outerjoin(letter, true())
    )
    if consumer is not None:
        statement = statement.where(parked_event.c.consumer == consumer)
    if key is not None:
        statement = statement.where(parked_event.c.key == key)
    return statement
