"""A case: a held trade that two persons release or block."""

from datetime import datetime
from enum import StrEnum

import msgspec


class CaseStatus(StrEnum):
    """Where a case stands. All but OPEN are final."""

    OPEN = "OPEN"
    RELEASED = "RELEASED"
    BLOCKED = "BLOCKED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"


class Resolution(StrEnum):
    """What may be proposed for a held trade."""

    RELEASE = "RELEASE"
    BLOCK = "BLOCK"


class CaseError(Exception):
    """What a person asked for is not possible now. code: stable slug; the text says what to do instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A case to be opened for a version of a trade that was held. reasons: codes of the checks that held it."""

    case_id: str
    trade_id: str
    trade_version: int
    decision_id: str
    reasons: tuple[str, ...]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A held trade and what people did about it. version: 1, 2, 3… with each step."""

    case_id: str
    trade_id: str
    trade_version: int
    reasons: tuple[str, ...]
    status: CaseStatus
    version: int
    assigned_to: str | None = None
    proposal: Resolution | None = None
    proposed_by: str | None = None
    decided_by: str | None = None


def assign(case: Case, to: str | None) -> Case:
    """Give the case to somebody, or back to the queue (None)."""
    require_open(case)
    return msgspec.structs.replace(case, assigned_to=to, version=case.version + 1)


def resolve(case: Case, resolution: Resolution, proposed_by: str, by: str) -> Case:
    """Carry out what one person proposed and another one approved."""
    require_open(case)
    became = CaseStatus.RELEASED if resolution is Resolution.RELEASE else CaseStatus.BLOCKED
    decided = {"status": became, "proposal": resolution, "proposed_by": proposed_by, "decided_by": by}
    return msgspec.structs.replace(case, version=case.version + 1, **decided)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a case's history."""

    case_id: str
    sequence: int
    action: str
    actor: str | None
    at: datetime
    reason: str | None = None


def require_open(case: Case) -> None:
    """Raise CaseError for a case that is decided, or whose trade has moved on."""
    if case.status is not CaseStatus.OPEN:
        raise CaseError("case-closed", f"case {case.case_id} is {case.status}: nothing is left to decide")
