"""An approval: one person proposes, another one decides. Who is compared are persons, not tokens."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    """Where an approval stands. All but PROPOSED are final."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class DecisionRefusedError(Exception):
    """What a person asked for is not possible. code: stable slug; the text says what to do instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What one person proposes. terms: what is carried out when it is approved. object_id: what it is about."""

    approval_id: str
    kind: str
    object_id: str | None
    terms: Mapping[str, Any]
    reason: str | None
    status: Status
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


def decide(approval: Approval, status: Status, by: str, now: datetime) -> Approval:
    """Return the approval approved or rejected by somebody else than who proposed it. Raises DecisionRefusedError."""
    _require_waiting(approval, now)
    if approval.proposed_by == by:
        raise DecisionRefusedError(
            "four-eyes", "You proposed this: somebody else decides on it, or withdraw it."
        )
    return msgspec.structs.replace(approval, status=status, decided_by=by, decided_at=now)


def withdraw(approval: Approval, by: str, now: datetime) -> Approval:
    """Return the approval taken back by who proposed it. Raises DecisionRefusedError."""
    _require_waiting(approval, now)
    if approval.proposed_by != by:
        raise DecisionRefusedError("not-yours", f"{approval.proposed_by} proposed this: reject it instead.")
    return msgspec.structs.replace(approval, status=Status.WITHDRAWN, decided_by=by, decided_at=now)


def expire(approval: Approval, now: datetime) -> Approval:
    """Return the approval past its deadline."""
    return msgspec.structs.replace(approval, status=Status.EXPIRED, decided_at=now)


def _require_waiting(approval: Approval, now: datetime) -> None:
    if approval.status is not Status.PROPOSED:
        who = f"{approval.decided_by} decided it" if approval.decided_by else "nobody decided it in time"
        raise DecisionRefusedError("decided-already", f"It is {approval.status}: {who}. Propose anew.")
    if now >= approval.expires_at:
        raise DecisionRefusedError(
            "approval-expired", f"Its deadline was {approval.expires_at}: propose anew."
        )
