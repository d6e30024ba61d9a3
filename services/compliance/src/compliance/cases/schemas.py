"""Cases as clients see them."""

from datetime import datetime

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Reason, ShortText
from compliance.cases.domain import CaseStatus, Resolution


class Proposal(BaseModel):
    """What is to become of the trade, and why."""

    resolution: Resolution
    reason: Reason


class Assignment(BaseModel):
    """Who is to look at a case. assignee: a subject; null gives it back to the queue."""

    assignee: ShortText | None = Field(description="Subject of the person; null gives the case back.")


class CaseView(BaseModel):
    """A case as the work queue lists it."""

    case_id: str
    trade_id: str
    trade_version: int
    decision_id: str
    reasons: list[str]
    status: CaseStatus
    version: int
    assigned_to: str | None
    proposal: Resolution | None
    proposed_by: str | None
    decided_by: str | None
    opened_at: datetime
    closed_at: datetime | None


class StepView(BaseModel):
    """One step of a case's history."""

    sequence: int
    action: str
    actor: str | None
    at: datetime
    reason: str | None


class CaseStory(CaseView):
    """A case with everything that was done on it."""

    steps: list[StepView]
