"""The repair queue over HTTP: list, show, fix and resubmit, reject."""

import base64
from collections import Counter
from typing import Annotated, Any

from fastapi import Path, Query, Response
from sqlalchemy import Row, func, select

from backoffice_chassis import (
    Audit,
    IfMatch,
    Page,
    Paging,
    Principal,
    RequiredIfMatch,
    Router,
    Scope,
    Unit,
    audits,
    etag,
    fetch_page,
    forbidden,
    not_found,
    scoped,
)
from backoffice_chassis.audit.canonical import summary
from backoffice_chassis.http.problems import precondition_required
from backoffice_chassis.http.vocabulary import Id
from backoffice_events.messaging import UnitOfWork
from trade_capture.permissions import READ_ALL_REPAIRS, READ_REPAIRS, WORK_REPAIRS
from trade_capture.repair import queue, repository
from trade_capture.repair.domain import RepairStatus, as_json
from trade_capture.repair.filters import RepairFilters, filtered
from trade_capture.repair.schemas import (
    BulkResubmitIn,
    BulkResubmittedOut,
    ReasonOut,
    RejectIn,
    RepairDetailOut,
    RepairOut,
    ResubmitIn,
    ResubmittedOut,
    StepOut,
)
from trade_capture.repair.tables import repair_entry
from trade_capture.trades.capture import Capture
from trade_capture.trades.submission import Outcome

Reader = Annotated[Principal, scoped(READ_REPAIRS)]
Worker = Annotated[Principal, scoped(WORK_REPAIRS)]
Recorder = Annotated[Audit, audits("repair")]
RepairId = Annotated[Id, Path()]


def router(capture: Capture) -> Router:
    """Return the routes."""
    routes = Router(prefix="/repairs", tags=["Repair queue"])

    @routes.get("", response_model=Page[RepairOut])
    async def list_repairs(
        unit: Unit, paging: Paging, principal: Reader, filters: Annotated[RepairFilters, Query()]
    ) -> Any:
        """List entries, the oldest first. A front-office system sees those it submitted and those under its name."""
        query = filtered(filters, unit.now, principal.scope)
        if _sees_own_only(principal):
            query = query.where(
                (repair_entry.c.submitted_by == principal.subject)
                | (repair_entry.c.source_system == principal.subject)
            )
        found, cursor = await fetch_page(unit.connection, query, [repair_entry.c.repair_id], paging)
        return {"items": found, "next_cursor": cursor}

    @routes.get("/{repair_id}", response_model=RepairDetailOut)
    async def read_repair(repair_id: RepairId, response: Response, unit: Unit, principal: Reader) -> Any:
        """Read an entry with its message as it came, every reason and every step."""
        row = await _row(unit, repair_id, principal.scope)
        if _sees_own_only(principal) and principal.subject not in (row.submitted_by, row.source_system):
            raise forbidden("The front office may read the entries of its own system alone.")
        response.headers["ETag"] = etag(row.version)
        return await _detail(unit, row)

    @routes.post("/resubmit", response_model=BulkResubmittedOut)
    async def resubmit_repairs(
        which: BulkResubmitIn, unit: Unit, principal: Worker, audit: Recorder
    ) -> BulkResubmittedOut:
        """Judge again every open entry with a reason, for example after an instrument was loaded.

        Where there are more than the limit, send it again: those that were touched last come last.
        """
        filters = RepairFilters(
            reason_code=which.reason_code, source_system=which.source_system, unfinished=True
        )
        matching = filtered(filters, unit.now, principal.scope)
        # Not by age: the oldest might never be taken in, and each call would look at them alone.
        order = (repair_entry.c.updated_at, repair_entry.c.repair_id)
        query = matching.order_by(*order).limit(which.limit)
        entries = [repository.as_entry(row) for row in await unit.connection.execute(query)]
        judged = await queue.resubmit_many(
            unit, capture, entries, comment=which.comment, actor=principal.subject
        )
        answers = [_resubmitted(repair_id, outcome) for repair_id, outcome in judged]
        await audit.record(unit, None, after={"comment": which.comment, "entries": summary(answers)})
        left = select(func.count()).select_from(matching.subquery())
        return BulkResubmittedOut(
            results=Counter(answer.result for answer in answers),
            remaining=(await unit.connection.execute(left)).scalar_one(),
            entries=answers,
        )

    @routes.post("/{repair_id}/resubmit", response_model=ResubmittedOut)
    async def resubmit_repair(
        *,
        repair_id: RepairId,
        fix: ResubmitIn,
        unit: Unit,
        principal: Worker,
        audit: Recorder,
        expected: IfMatch,
    ) -> ResubmittedOut:
        """Judge an entry again, as it is or with fields put right; `If-Match` is needed to put fields right."""
        if fix.changes and expected is None:
            raise precondition_required("Read the entry, then send its ETag as `If-Match` with the changes.")
        outcome = await queue.resubmit(
            unit,
            capture,
            repair_id,
            changes=fix.changes,
            comment=fix.comment,
            by=principal,
            expected=expected,
        )
        answer = _resubmitted(repair_id, outcome)
        await audit.record(unit, repair_id, after={**fix.model_dump(mode="json"), "outcome": answer})
        return answer

    @routes.post("/{repair_id}/reject", response_model=RepairDetailOut)
    async def reject_repair(
        *,
        repair_id: RepairId,
        why: RejectIn,
        unit: Unit,
        principal: Worker,
        audit: Recorder,
        expected: RequiredIfMatch,
    ) -> Any:
        """Close an entry for good: its statement never will be taken in. Later versions no longer wait for it."""
        await queue.reject(unit, capture, repair_id, reason=why.reason, by=principal, expected=expected)
        await audit.record(unit, repair_id, after={"status": RepairStatus.REJECTED, "reason": why.reason})
        return await _detail(unit, await _row(unit, repair_id, principal.scope))

    return routes


def _sees_own_only(principal: Principal) -> bool:
    return not READ_ALL_REPAIRS.held_by(principal)


async def _row(unit: UnitOfWork, repair_id: str, scope: Scope) -> Row[Any]:
    row = await repository.find_row(unit.connection, repair_id, scope)
    if row is None:
        raise not_found("repair entry", repair_id)
    return row


async def _detail(unit: UnitOfWork, row: Row[Any]) -> RepairDetailOut:
    steps = await repository.steps_of(unit.connection, row.source_system, row.trade_reference)
    return RepairDetailOut(
        entry=RepairOut.model_validate(row),
        original_base64=base64.b64encode(row.original).decode(),
        original=as_json(row.original),
        statement=as_json(row.current),
        history=[_step(step) for step in steps if step.repair_id == row.repair_id],
    )


def _step(row: Row[Any]) -> StepOut:
    statement = None if row.payload is None else as_json(row.payload)
    return StepOut(
        statement=statement, **{k: v for k, v in row._mapping.items() if k in StepOut.model_fields}
    )


def _resubmitted(repair_id: str, outcome: Outcome) -> ResubmittedOut:
    return ResubmittedOut(
        repair_id=repair_id,
        result=outcome.result,
        trade_id=outcome.trade.trade_id if outcome.trade else None,
        reasons=[
            ReasonOut(code=each.code, field=each.field, message=each.message) for each in outcome.reasons
        ],
    )
