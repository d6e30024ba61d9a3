"""What /messaging says and is told about dead letters."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backoffice_chassis.http.problems import not_found
from backoffice_chassis.http.vocabulary import Id, Reason
from backoffice_chassis.messaging_api.access import Moment, Word
from backoffice_events.messaging import dead_letters
from backoffice_events.messaging.actions import Action
from backoffice_events.messaging.redrive import Answer, Result

MOST_AT_ONCE = 500

DeadLetterStatus = Literal["open", "redriven", "discarded"]


class Wanted(BaseModel):
    """Which dead letters. reason: a part of it, in any case. failed_from, failed_to: when it failed, to excluded."""

    consumer: Word | None = None
    topic: Word | None = None
    key: Word | None = None
    event_type: Word | None = None
    status: DeadLetterStatus | None = None
    reason: Word | None = None
    failed_from: Moment | None = None
    failed_to: Moment | None = None


class ActionsWanted(BaseModel):
    """Which actions. at_to is excluded."""

    action: Action | None = None
    actor: Word | None = None
    at_from: Moment | None = None
    at_to: Moment | None = None


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
    """Why somebody acts; it is kept on record. dry_run: say what would be done, and do nothing."""

    reason: Reason
    dry_run: bool = False


class Selection(Why):
    """Which open dead letters, oldest first; every field that is given must match."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    consumer: Word | None = None
    topic: Word | None = None
    key: Word | None = None
    event_type: Word | None = None
    failure: Word | None = Field(
        default=None, description="Part of the dead letter's own reason, in any case."
    )
    failed_from: Moment | None = None
    failed_to: Moment | None = Field(default=None, description="Excluded.")
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100

    def filter(self) -> dead_letters.Filter:
        """Return it as the query takes it."""
        fields = self.model_dump(exclude={"reason", "dry_run", "failure", "limit"})
        return dead_letters.Filter(status=dead_letters.OPEN, reason=self.failure, **fields)


class Handled(BaseModel):
    """What became of a dead letter, or would become of it in a dry run. followers: parked events that went on."""

    id: str
    result: Result
    reason: str | None
    followers: int
    follower_refused: str | None = Field(
        description="Why the next parked event became a dead letter itself; null when none did."
    )
    dry_run: bool


class HandledSelection(BaseModel):
    """What became of each dead letter that was taken on, in order."""

    items: list[Handled]
    remaining: int = Field(
        description="Open dead letters that match and were not taken on: the limit or the time was up. Ask again."
    )


class ActionTaken(BaseModel):
    """What somebody did with a dead letter, or with the events parked behind it. outcome: what came of it."""

    dead_letter_id: str
    action: Action
    outcome: str
    actor: str
    why: str
    at: datetime


def handled(answer: Answer, *, dry_run: bool) -> Handled:
    """Return an answer as a client reads it. Raises 404 when there is no such dead letter."""
    if answer.result is Result.NOT_FOUND:
        raise not_found("dead letter", answer.dead_letter_id)
    return Handled(
        id=answer.dead_letter_id,
        result=answer.result,
        reason=answer.reason,
        followers=answer.followers,
        follower_refused=answer.follower_refused,
        dry_run=dry_run,
    )
