"""Decisions as clients see them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from compliance.checks.domain import Status


class DecisionView(BaseModel):
    """A decision on one version of a trade."""

    decision_id: str
    trade_id: str
    trade_version: int
    decision_version: int = Field(description="1, 2, 3… per trade; the highest stands.")
    outcome: Status = Field(validation_alias="status")
    reasons: list[str] = Field(description="Codes of the checks that held or blocked the trade.")
    findings: list[dict[str, Any]] = Field(description="What each check said, with its evidence and rule.")
    rules_version: int = Field(description="How many rule changes had been approved.")
    decided_at: datetime
    decided_by: str | None = Field(description="Who decided the case; null: the checks decided.")
    case_id: str | None


class DecisionRecord(DecisionView):
    """A decision with all that it stood on."""

    inputs: dict[str, Any] | None = Field(
        description="The trade and this service's knowledge at the time; null when people decided."
    )


class Replay(BaseModel):
    """What the checks say today of the inputs of then, under the rules of then."""

    same: bool = Field(description="Whether the findings are the same, word for word.")
    findings: list[dict[str, Any]]
