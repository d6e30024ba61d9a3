"""/messaging: how a service's events fare, and what to do with those it could not take."""

import base64
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import Row

from backoffice_chassis.http.paging import Page, Paging, fetch_page
from backoffice_chassis.http.problems import not_found
from backoffice_chassis.http.routing import Router, Unit
from backoffice_chassis.http.vocabulary import Id, Reason
from backoffice_chassis.resources import resources_of
from backoffice_chassis.security.access import requires
from backoffice_chassis.security.principal import Principal, Role
from backoffice_events.messaging import dead_letters
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.redrive import Answer, Redriver, Result
from backoffice_events.messaging.tables import dead_letter

_Reader = Annotated[Principal, requires(Role.SRE, Role.OPERATIONS, Role.AUDITOR)]
_Operator = Annotated[Principal, requires(Role.SRE, Role.OPERATIONS)]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]

router = Router(prefix="/messaging", tags=["messaging"])


class Status(BaseModel):
    """What waits. outbox: records to be sent; dead_letters: open ones; parked: events behind one of their key."""

    outbox_pending: int
    outbox_oldest_seconds: float
    dead_letters: int
    parked: int


class Wanted(BaseModel):
    """Which dead letters. reason: a part of it."""

    consumer: _Word | None = None
    topic: _Word | None = None
    key: _Word | None = None
    event_type: _Word | None = None
    status: _Word | None = None
    reason: _Word | None = None


class DeadLetter(BaseModel):
    """An event that a consumer could not take."""

    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    event_id: str | None
    event_type: str | None
    reason: str
    status: str = Field(description="open, redriven or discarded")
    attempts: int
    failed_at: datetime


class DeadLetterInFull(DeadLetter):
    """A dead letter with the bytes that arrived."""

    value: str | None = Field(description="As text when it is UTF-8, else base64.")
    value_encoding: str = Field(description="utf-8 or base64")
    headers: list[tuple[str, str]]


class Why(BaseModel):
    """Why somebody redrives or discards; it is kept on record."""

    reason: Reason


class Selection(Why):
    """Which open dead letters, oldest first."""

    consumer: _Word | None = None
    event_type: _Word | None = None
    failure: _Word | None = Field(default=None, description="Part of the reason.")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Handled(BaseModel):
    """What became of a dead letter. followers: parked events of its key that went on."""

    id: str
    result: Result
    reason: str | None
    followers: int


@router.get("/status")
async def get_status(request: Request, _: _Reader) -> Status:
    """Say what waits: records to be sent, open dead letters, parked events."""
    status = await resources_of(request).messaging.status()
    return Status.model_validate(status, from_attributes=True)


@router.get("/dead-letters")
async def list_dead_letters(
    unit: Unit, paging: Paging, _: _Reader, wanted: Annotated[Wanted, Query()]
) -> Page[DeadLetter]:
    """List dead letters, oldest first."""
    chosen = dead_letters.Filter(**wanted.model_dump())
    order = (dead_letter.c.seq,)
    rows, cursor = await fetch_page(unit.connection, dead_letters.query(chosen), order, paging)
    return Page(items=[DeadLetter(**_summary(row)) for row in rows], next_cursor=cursor)


@router.get("/dead-letters/{dead_letter_id}")
async def get_dead_letter(dead_letter_id: Id, unit: Unit, _: _Operator) -> DeadLetterInFull:
    """Show a dead letter with the original bytes and headers."""
    rows = await dead_letters.listed(unit.connection, dead_letters.Filter(ids=[dead_letter_id]))
    if not rows:
        raise not_found("dead letter", dead_letter_id)
    value, encoding = _text(rows[0].value)
    headers = [(name, _text(content)[0] or "") for name, content in unpack(rows[0].headers)]
    return DeadLetterInFull(**_summary(rows[0]), value=value, value_encoding=encoding, headers=headers)


@router.post("/dead-letters/{dead_letter_id}/redrive")
async def redrive(dead_letter_id: Id, why: Why, request: Request, principal: _Operator) -> Handled:
    """Hand it to its consumer again, and the events parked behind it after it, in order."""
    answer = await _redriver(request).redrive(dead_letter_id, actor=principal.subject, why=why.reason)
    return _handled(answer)


@router.post("/dead-letters/{dead_letter_id}/discard")
async def discard(dead_letter_id: Id, why: Why, request: Request, principal: _Operator) -> Handled:
    """Give it up; it stays on record, and the events parked behind it go on."""
    answer = await _redriver(request).discard(dead_letter_id, actor=principal.subject, why=why.reason)
    return _handled(answer)


@router.post("/dead-letters/redrive")
async def redrive_selection(
    selection: Selection, unit: Unit, request: Request, principal: _Operator
) -> list[Handled]:
    """Redrive the open dead letters that match, oldest first, each in a transaction of its own."""
    wanted = dead_letters.Filter(
        status=dead_letters.OPEN,
        consumer=selection.consumer,
        event_type=selection.event_type,
        reason=selection.failure,
    )
    rows = await dead_letters.listed(unit.connection, wanted, limit=selection.limit)
    redriver, actor, why = _redriver(request), principal.subject, selection.reason
    return [_handled(await redriver.redrive(str(row.id), actor=actor, why=why)) for row in rows]


def _redriver(request: Request) -> Redriver:
    return resources_of(request).messaging.redriver


def _handled(answer: Answer) -> Handled:
    if answer.result is Result.NOT_FOUND:
        raise not_found("dead letter", answer.dead_letter_id)
    return Handled(
        id=answer.dead_letter_id, result=answer.result, reason=answer.reason, followers=answer.followers
    )


def _summary(row: Row[Any]) -> dict[str, Any]:
    names = (
        "consumer",
        "topic",
        "partition",
        "key",
        "event_id",
        "event_type",
        "reason",
        "status",
        "attempts",
    )
    summary = {name: getattr(row, name) for name in names}
    return {**summary, "id": str(row.id), "offset": row.record_offset, "failed_at": row.failed_at}


def _text(content: bytes | None) -> tuple[str | None, str]:
    if content is None:
        return None, "utf-8"
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"
