"""Set-based writes of cases, and their history."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Scope
from backoffice_events.messaging import bulk
from compliance.cases.domain import Case, CaseStatus, Opening, Resolution, Step
from compliance.cases.tables import case_step, compliance_case
from compliance.checks.scoping import opened_in_scope

_VERSIONS = select(compliance_case.c.case_id, compliance_case.c.version).where(
    compliance_case.c.case_id == any_(bindparam("ids", type_=ARRAY(Uuid(as_uuid=False))))
)


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a case is in scope: by the trade that was held."""
    return opened_in_scope(compliance_case.c.decision_id, scope)


async def open_cases(connection: AsyncConnection, opened: Sequence[Opening], now: datetime) -> None:
    """Open a case for each held trade."""
    rows = [
        {
            "case_id": each.case_id,
            "trade_id": each.trade_id,
            "trade_version": each.trade_version,
            "decision_id": each.decision_id,
            "reasons": each.reasons,
            "status": CaseStatus.OPEN,
            "version": 1,
            "opened_at": now,
        }
        for each in opened
    ]
    await bulk.insert(connection, compliance_case, rows)
    steps = [{"case_id": each.case_id, "sequence": 1, "action": "OPENED", "at": now} for each in opened]
    await bulk.insert(connection, case_step, steps)


async def close_cases(connection: AsyncConnection, closures: Mapping[str, CaseStatus], now: datetime) -> None:
    """Close cases whose trade was amended or cancelled: nobody has to decide on them any more."""
    if not closures:
        return
    found = (await connection.execute(_VERSIONS, {"ids": list(closures)})).all()
    changes = [
        {
            "case_id": row.case_id,
            "status": closures[row.case_id],
            "version": row.version + 1,
            "closed_at": now,
        }
        for row in found
    ]
    await bulk.update(connection, compliance_case, changes, key=["case_id"])
    steps = [
        {"case_id": row.case_id, "sequence": row.version + 1, "action": closures[row.case_id], "at": now}
        for row in found
    ]
    await bulk.insert(connection, case_step, steps)


async def find(connection: AsyncConnection, case_id: str, *, lock: bool = False) -> Case | None:
    """Return a case, None when there is none. lock: nobody else may change it until the transaction ends."""
    query = select(compliance_case).where(compliance_case.c.case_id == case_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    return Case(
        case_id=row.case_id,
        trade_id=row.trade_id,
        trade_version=row.trade_version,
        reasons=tuple(row.reasons),
        status=CaseStatus(row.status),
        version=row.version,
        assigned_to=row.assigned_to,
        proposal=None if row.proposal is None else Resolution(row.proposal),
        proposed_by=row.proposed_by,
        decided_by=row.decided_by,
    )


async def save(connection: AsyncConnection, case: Case, step: Step) -> None:
    """Write a case as it is now, and the step that brought it there."""
    closed_at = None if case.status is CaseStatus.OPEN else step.at
    change = {
        "case_id": case.case_id,
        "status": case.status,
        "version": case.version,
        "assigned_to": case.assigned_to,
        "proposal": case.proposal,
        "proposed_by": case.proposed_by,
        "decided_by": case.decided_by,
        "closed_at": closed_at,
    }
    await bulk.update(connection, compliance_case, [change], key=["case_id"])
    await bulk.insert(connection, case_step, [msgspec.structs.asdict(step)])
