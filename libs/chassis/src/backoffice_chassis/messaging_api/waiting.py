"""What waits: the outbox, and events parked behind a dead letter of their key."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Row

from backoffice_chassis.http.paging import Page, Paging, fetch_page
from backoffice_chassis.http.problems import Problem
from backoffice_chassis.http.routing import Router, Unit
from backoffice_chassis.messaging_api.access import Operator, Reader, Recorder, Word, by
from backoffice_chassis.messaging_api.schemas import Handled, Why, handled
from backoffice_chassis.resources import resources_of
from backoffice_events.cloudevents import attribute_or_none
from backoffice_events.messaging import waiting
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.redrive import Result
from backoffice_events.messaging.tables import parked_event

router = Router(prefix="/messaging", tags=["messaging"])


class Status(BaseModel):
    """What waits. outbox: records to be sent; dead_letters: open ones; parked: events behind one of their key."""

    outbox_pending: int
    outbox_oldest_seconds: float
    dead_letters: int
    parked: int


class TopicBacklog(BaseModel):
    """Records of one topic that the broker does not have yet."""

    topic: str
    pending: int
    oldest_seconds: float


class Outbox(BaseModel):
    """What the service has committed and the broker does not have yet."""

    pending: int
    oldest_seconds: float
    topics: list[TopicBacklog] = Field(description="The topic that waits longest first.")


class ParkedWanted(BaseModel):
    """Which parked events."""

    consumer: Word | None = None
    key: Word | None = None


class Parked(BaseModel):
    """An event that waits behind a dead letter of its key."""

    consumer: str
    key: str
    topic: str
    partition: int
    offset: int
    event_id: str | None
    event_type: str | None
    parked_at: datetime
    behind: str | None = Field(
        description="The oldest open dead letter of its key; null: there is none any more."
    )
    behind_reason: str | None


class Release(Why):
    """Whose parked events go on although the dead letter before them stays open."""

    consumer: Word
    key: Word


@router.get("/status")
async def get_status(request: Request, _: Reader) -> Status:
    """Say what waits: records to be sent, open dead letters, parked events."""
    status = await resources_of(request).messaging.status()
    return Status.model_validate(status, from_attributes=True)


@router.get("/outbox")
async def get_outbox(unit: Unit, _: Reader) -> Outbox:
    """Say how many records wait to be sent and since when, by topic."""
    topics = [
        TopicBacklog(
            topic=each.topic,
            pending=each.pending,
            oldest_seconds=max(0.0, (unit.now - each.oldest_at).total_seconds()),
        )
        for each in await waiting.outbox_by_topic(unit.connection)
    ]
    return Outbox(
        pending=sum(each.pending for each in topics),
        oldest_seconds=max((each.oldest_seconds for each in topics), default=0.0),
        topics=topics,
    )


@router.get("/parked")
async def list_parked(
    unit: Unit, paging: Paging, _: Reader, wanted: Annotated[ParkedWanted, Query()]
) -> Page[Parked]:
    """List parked events in the order in which they will be taken, with the dead letter that each waits behind."""
    statement = waiting.parked(**wanted.model_dump())
    rows, cursor = await fetch_page(unit.connection, statement, (parked_event.c.seq,), paging)
    return Page(items=[_parked(row) for row in rows], next_cursor=cursor)


@router.post("/parked/release")
async def release(
    wanted: Release, request: Request, unit: Unit, principal: Operator, audit: Recorder
) -> Handled:
    """Let the parked events of a key go on, in order, although the dead letter that they wait behind stays open.

    They take effect before it. Right when they do not build on it and cannot wait; where they do (a later version of
    the trade), it can never take effect any more and is left to be discarded. A cancellation that finds nothing to take
    back is refused, and becomes a dead letter behind it. Later events of the key go on being parked. The answer's `id`
    is the dead letter's, under which the release is recorded.
    """
    unit.rollback_only = wanted.dry_run
    redriver = resources_of(request).messaging.redriver
    answer = await redriver.release(unit, wanted.consumer, wanted.key, by(principal, wanted, audit))
    if answer.result is Result.NOT_FOUND:
        raise Problem(404, "not-found", "Not found", f"{answer.reason}: list them, GET /messaging/parked.")
    return handled(answer, dry_run=wanted.dry_run)


def _parked(row: Row[Any]) -> Parked:
    headers = unpack(row.headers)
    return Parked(
        consumer=row.consumer,
        key=row.key,
        topic=row.topic,
        partition=row.partition,
        offset=row.record_offset,
        event_id=attribute_or_none(headers, "ce_id"),
        event_type=attribute_or_none(headers, "ce_type"),
        parked_at=row.parked_at,
        behind=None if row.behind_id is None else str(row.behind_id),
        behind_reason=row.behind_reason,
    )
