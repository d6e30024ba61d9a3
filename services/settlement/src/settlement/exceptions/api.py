"""The work queue over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Response

from backoffice_chassis import (
    Audit,
    IfMatch,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    check_version,
    conflict,
    etag,
    not_found,
    scoped,
)
from backoffice_chassis.http.vocabulary import Id
from settlement.exceptions import queue
from settlement.exceptions.schemas import (
    Assignment,
    ExceptionFilters,
    ExceptionStory,
    ExceptionView,
    Resolution,
)
from settlement.permissions import READ_EXCEPTIONS, WORK_EXCEPTIONS

Reader = Annotated[Principal, scoped(READ_EXCEPTIONS)]
Worker = Annotated[Principal, scoped(WORK_EXCEPTIONS)]
Recorder = Annotated[Audit, audits("exception")]

router = Router(prefix="/exceptions", tags=["exceptions"])


@router.get("")
async def list_exceptions(
    unit: Unit, paging: Paging, principal: Reader, wanted: Annotated[ExceptionFilters, Query()]
) -> Page[ExceptionView]:
    """List exceptions, oldest first, narrowed by what is given."""
    filters = wanted.model_dump(exclude_none=True)
    rows, cursor = await queue.page_of(unit.connection, filters, principal.scope, paging)
    return Page(items=[ExceptionView.model_validate(row) for row in rows], next_cursor=cursor)


@router.get("/{exception_id}")
async def get_exception(
    exception_id: Id, unit: Unit, principal: Reader, response: Response
) -> ExceptionStory:
    """Show an exception with all that was done about it."""
    return await _story(unit, exception_id, principal, response)


@router.post("/{exception_id}/assign")
async def assign_exception(
    *,
    exception_id: Id,
    new: Assignment,
    unit: Unit,
    principal: Worker,
    audit: Recorder,
    expected: IfMatch,
    response: Response,
) -> ExceptionStory:
    """Give an open exception an owner."""
    before = await _open_for_change(unit, exception_id, principal, expected)
    await queue.assign(
        unit.connection,
        exception_id,
        actor=principal.subject,
        owner=new.owner,
        comment=new.comment,
        now=unit.now,
    )
    return await _recorded(audit, unit, before, principal, response)


@router.post("/{exception_id}/resolve")
async def resolve_exception(
    *,
    exception_id: Id,
    done: Resolution,
    unit: Unit,
    principal: Worker,
    audit: Recorder,
    expected: IfMatch,
    response: Response,
) -> ExceptionStory:
    """Say what was done about an open exception, and take it off the queue."""
    before = await _open_for_change(unit, exception_id, principal, expected)
    await queue.resolve(
        unit.connection, exception_id, actor=principal.subject, comment=done.comment, now=unit.now
    )
    return await _recorded(audit, unit, before, principal, response)


async def _recorded(
    audit: Audit, unit: Unit, before: dict[str, Any], principal: Principal, response: Response
) -> ExceptionStory:
    """Record what became of an exception, and answer it."""
    story = await _story(unit, before["exception_id"], principal, response)
    seen = ExceptionView.model_validate(before)
    done = {**story.model_dump(exclude={"history"}), "comment": story.history[-1].comment}
    await audit.record(unit, seen.exception_id, before=seen, after=done)
    return story


async def _open_for_change(
    unit: Unit, exception_id: str, principal: Principal, expected: int | None
) -> dict[str, Any]:
    found = _found(await queue.one(unit.connection, exception_id, principal.scope, lock=True), exception_id)
    check_version(expected, found["version"])
    if found["status"] != "OPEN":
        detail = f"Exception {exception_id} is {found['status']}: there is nothing left to do about it."
        raise conflict("exception-not-open", detail)
    return found


async def _story(unit: Unit, exception_id: str, principal: Principal, response: Response) -> ExceptionStory:
    found = _found(await queue.one(unit.connection, exception_id, principal.scope), exception_id)
    response.headers["ETag"] = etag(found["version"])
    history = await queue.history_of(unit.connection, exception_id)
    return ExceptionStory.model_validate({**found, "history": history})


def _found(row: dict[str, Any] | None, exception_id: str) -> dict[str, Any]:
    if row is None:
        raise not_found("exception", exception_id)
    return row
