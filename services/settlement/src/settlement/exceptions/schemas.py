"""Exceptions as callers see and handle them."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Id, Reason, ShortText
from settlement.exceptions.domain import Kind


class ExceptionStatus(StrEnum):
    """OPEN until its condition ends (CLOSED) or somebody has dealt with it (RESOLVED)."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class ExceptionFilters(BaseModel):
    """What to list; what is not given does not matter."""

    status: ExceptionStatus | None = None
    kind: Kind | None = None
    owner: ShortText | None = None
    trade_id: Id | None = None


class ExceptionView(BaseModel):
    """Something about a settlement that a person has to look at."""

    exception_id: str
    version: int
    trade_id: str
    instruction_id: str | None
    kind: Kind
    reason: str
    status: ExceptionStatus
    owner: str | None
    settlement_calendar: str | None
    settlement_date: date | None
    opened_at: datetime
    closed_at: datetime | None
    age: int | None = Field(
        description="Business days of its calendar that ended since the intended settlement date; null without one."
    )


class ExceptionAction(BaseModel):
    """What was done about an exception. actor: null when the platform did it."""

    action: str
    actor: str | None
    owner: str | None
    comment: str | None
    occurred_at: datetime


class ExceptionStory(ExceptionView):
    """An exception with all that was done about it."""

    history: list[ExceptionAction]


class Assignment(BaseModel):
    """Who is to look after it."""

    owner: ShortText
    comment: Reason | None = None


class Resolution(BaseModel):
    """What was done, in words."""

    comment: Reason
