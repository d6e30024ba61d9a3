"""A case: a held trade on which one person proposes and another one decides."""

from datetime import datetime
from enum import StrEnum

import msgspec


class CaseStatus(StrEnum):
    """Where a case stands. All but OPEN and PROPOSED are final."""

    OPEN = "OPEN"
    PROPOSED = "PROPOSED"
    RELEASED = "RELEASED"
    BLOCKED = "BLOCKED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"


class Resolution(StrEnum):
    """What may be proposed for a held trade."""

    RELEASE = "RELEASE"
    BLOCK = "BLOCK"


OPEN_STATUSES = frozenset({CaseStatus.OPEN, CaseStatus.PROPOSED})


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
    _require_open(case)
    return msgspec.structs.replace(case, assigned_to=to, version=case.version + 1)


def propose(case: Case, resolution: Resolution, by: str) -> Case:
    """Propose a resolution; it replaces an earlier proposal that nobody decided on yet."""
    _require_open(case)
    return msgspec.structs.replace(
        case, status=CaseStatus.PROPOSED, proposal=resolution, proposed_by=by, version=case.version + 1
    )


def approve(case: Case, resolution: Resolution, by: str) -> Case:
    """Carry out the proposal: somebody else than the proposer agrees with it."""
    proposed = _require_checker(case, by)
    if proposed is not resolution:
        raise CaseError("other-proposal", f"the proposal is to {proposed.lower()}: read the case again")
    became = CaseStatus.RELEASED if resolution is Resolution.RELEASE else CaseStatus.BLOCKED
    return msgspec.structs.replace(case, status=became, decided_by=by, version=case.version + 1)


def reject(case: Case, by: str) -> Case:
    """Refuse the proposal: the case is open again, without one."""
    _require_checker(case, by)
    return msgspec.structs.replace(
        case, status=CaseStatus.OPEN, proposal=None, proposed_by=None, version=case.version + 1
    )


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a case's history."""

    case_id: str
    sequence: int
    action: str
    actor: str | None
    at: datetime
    reason: str | None = None


def _require_open(case: Case) -> None:
    if case.status not in OPEN_STATUSES:
        raise CaseError("case-closed", f"case {case.case_id} is {case.status}: it is decided")


def _require_checker(case: Case, by: str) -> Resolution:
    _require_open(case)
    if case.proposal is None or case.proposed_by is None:
        raise CaseError("no-proposal", "nobody proposed anything on this case: propose first")
    if case.proposed_by == by:
        raise CaseError("four-eyes", "you proposed this: somebody else has to decide on it")
    return case.proposal
