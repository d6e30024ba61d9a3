"""What /approvals answers and is asked."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backoffice_chassis.approvals.domain import Status
from backoffice_chassis.http.vocabulary import Reason
from backoffice_chassis.messaging_api.access import Moment, Word


class ApprovalsWanted(BaseModel):
    """Which approvals: every field that is given must match."""

    kind: Word | None = None
    status: Status | None = None
    object_id: Word | None = None
    proposed_by: Word | None = None
    decided_by: Word | None = None
    proposed_from: Moment | None = None
    proposed_to: Moment | None = Field(default=None, description="Excluded.")


class ApprovalView(BaseModel):
    """What one person proposed and another one decides on. terms: what is carried out when it is approved."""

    model_config = ConfigDict(from_attributes=True)

    approval_id: str
    kind: str
    object_id: str | None = Field(description="What it is about.")
    terms: dict[str, Any]
    reason: str | None
    status: Status
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime = Field(description="Nobody can decide on it from then on.")
    decided_by: str | None
    decided_at: datetime | None


class ApprovalStep(BaseModel):
    """One step of an approval. actor: null when the deadline passed."""

    model_config = ConfigDict(from_attributes=True)

    status: Status
    actor: str | None
    at: datetime
    reason: str | None


class ApprovalStory(ApprovalView):
    """An approval with its history. outcome: what carrying it out came to, in the answer to who approved it."""

    history: list[ApprovalStep]
    outcome: Any = None


class Decision(BaseModel):
    """Why somebody approves or withdraws; it is kept on record."""

    reason: Reason | None = None


class Rejection(BaseModel):
    """Why somebody rejects; it is kept on record."""

    reason: Reason
