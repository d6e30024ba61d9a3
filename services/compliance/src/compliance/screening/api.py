"""Sanctions lists and screenings over HTTP."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from sqlalchemy import Row, select
from starlette.datastructures import UploadFile

from backoffice_chassis import (
    Audit,
    FieldError,
    Page,
    Paging,
    Principal,
    Problem,
    Router,
    Unit,
    audits,
    conflict,
    fetch_page,
    invalid,
    not_found,
    reads_only,
    requires,
)
from backoffice_chassis.http.vocabulary import Code, Day, Id, Lei
from compliance.permissions import READ_SCREENING, WORK_SCREENING
from compliance.rules.domain import ListKind
from compliance.screening.algorithm import ALGORITHM
from compliance.screening.index import Subject
from compliance.screening.lists.files import UnreadableListError
from compliance.screening.lists.upload import ReadList, files_of, read
from compliance.screening.schemas import Answer, ListVersion, MatchView, Question, ScreeningView
from compliance.screening.tables import counterparty, sanctions_entry, sanctions_list, screening
from compliance.screening.versions import IndexReader, OlderListError, add

_FURTHEST_EAST = timedelta(hours=14)
"""Where a day begins so long before it does in UTC."""

Officer = Annotated[Principal, requires(WORK_SCREENING)]
Reader = Annotated[Principal, requires(READ_SCREENING)]

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "description": "The list's files, gzip or plain. OFAC: primary (required), addresses, aliases,"
                    " comments. UN: document.",
                    "properties": {
                        name: {"type": "string", "format": "binary"}
                        for kind in (ListKind.OFAC_SDN, ListKind.UN_CONSOLIDATED)
                        for name in files_of(kind)
                    },
                }
            }
        },
    }
}


def routers(indexes: IndexReader) -> tuple[APIRouter, ...]:
    """Return the routes. indexes: shared with the screening job of this process."""
    return (lists_router, screenings_router(indexes))


lists_router = Router(prefix="/sanctions-lists", tags=["sanctions lists"])


@lists_router.post("/{kind}", status_code=201, openapi_extra=_UPLOAD)
async def load_list(
    *,
    kind: ListKind,
    request: Request,
    unit: Unit,
    principal: Officer,
    audit: Annotated[Audit, audits("sanctions-list")],
    as_of: Annotated[Day | None, Query(description="The list's date; the UN's states its own.")] = None,
) -> ListVersion:
    """Load a list from its files: it becomes the newest version, and everybody is screened again.

    Loading the very list that is loaded already changes nothing and answers with its version, unless this release
    reads more out of it than the one that loaded it.
    """
    found = await _read(kind, await _files(request, kind))
    dated = _date_of(found, as_of, unit.now)
    try:
        row = await add(unit, kind, found, dated, principal.subject)
    except OlderListError as error:
        raise conflict("older-list", f"{error}. Send the newer list.") from error
    version = ListVersion.model_validate(row._mapping)
    await audit.record(unit, version.list_id, after=version)
    return version


def _date_of(found: ReadList, as_of: date | None, now: datetime) -> date:
    """Return a list's date. One that is yet to come is a slip, and would keep out every list until then."""
    dated, field = (as_of, "/query/as_of") if found.as_of is None else (found.as_of, "/body/document")
    if dated is None:
        raise invalid([FieldError(field, "is needed: this list does not state its own date")])
    if dated > (now + _FURTHEST_EAST).date():
        raise invalid([FieldError(field, f"is dated {dated}: that day is yet to come")])
    return dated


@lists_router.get("")
async def list_versions(
    unit: Unit,
    paging: Paging,
    _: Reader,
    kind: Annotated[ListKind | None, Query()] = None,
) -> Page[ListVersion]:
    """List every version of every list that was ever loaded, the oldest first."""
    query = select(sanctions_list)
    if kind is not None:
        query = query.where(sanctions_list.c.list_kind == kind)
    rows, cursor = await fetch_page(unit.connection, query, (sanctions_list.c.list_id,), paging)
    return Page(items=[ListVersion.model_validate(row._mapping) for row in rows], next_cursor=cursor)


@lists_router.get("/{list_id}/entries/{entry_id}")
async def get_entry(list_id: Id, entry_id: Code, unit: Unit, _: Reader) -> dict[str, Any]:
    """Show an entry of a list version: its names, countries and identifiers."""
    query = select(sanctions_entry.c.entry).where(
        sanctions_entry.c.list_id == list_id, sanctions_entry.c.entry_id == entry_id
    )
    entry: dict[str, Any] | None = (await unit.connection.execute(query)).scalar_one_or_none()
    if entry is None:
        raise not_found("list entry", entry_id)
    return entry


def screenings_router(indexes: IndexReader) -> APIRouter:
    """Return the routes on screenings."""
    router = Router(prefix="/screenings", tags=["screenings"])

    @router.get("")
    async def list_screenings(
        unit: Unit,
        paging: Paging,
        _: Reader,
        *,
        lei: Annotated[Lei | None, Query()] = None,
        min_score: Annotated[int | None, Query(ge=0, le=100, description="Best match at least this.")] = None,
        current: Annotated[bool, Query(description="Only the one that stands on each party.")] = True,
    ) -> Page[ScreeningView]:
        """List screenings of counterparties."""
        query = select(screening)
        if current:
            query = query.join(counterparty, counterparty.c.screening_id == screening.c.screening_id)
        if lei is not None:
            query = query.where(screening.c.lei == lei)
        if min_score is not None:
            query = query.where(screening.c.top_score >= min_score)
        rows, cursor = await fetch_page(unit.connection, query, (screening.c.screening_id,), paging)
        return Page(items=[_view(row) for row in rows], next_cursor=cursor)

    @router.get("/{screening_id}")
    async def get_screening(screening_id: Id, unit: Unit, _: Reader) -> ScreeningView:
        """Show a screening, whether it still stands or not."""
        query = select(screening).where(screening.c.screening_id == screening_id)
        row = (await unit.connection.execute(query)).one_or_none()
        if row is None:
            raise not_found("screening", screening_id)
        return _view(row)

    @router.post("/search", dependencies=[reads_only])
    async def search(question: Question, unit: Unit, _: Officer) -> Answer:
        """Look anybody up in the newest lists. Nothing is stored."""
        lists, index = await indexes.current(unit.connection)
        subject = Subject(
            name=question.name,
            entity_type=question.entity_type,
            country=question.country,
            identifiers=question.identifiers(),
        )
        matches = [MatchView.model_validate(msgspec.structs.asdict(match)) for match in index.search(subject)]
        return Answer(algorithm=ALGORITHM, lists=lists, matches=matches)

    return router


def _view(row: Row[Any]) -> ScreeningView:
    return ScreeningView.model_validate({**row.record, **row._mapping})


async def _files(request: Request, kind: ListKind) -> Mapping[str, bytes]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        parts = ", ".join(files_of(kind))
        detail = f"Send multipart/form-data with the list's files as parts: {parts}."
        raise Problem(415, "unsupported-media-type", "The body's media type is not taken", detail)
    form = await request.form(max_files=8, max_fields=0)
    return {name: await part.read() for name, part in form.multi_items() if isinstance(part, UploadFile)}


async def _read(kind: ListKind, files: Mapping[str, bytes]) -> ReadList:
    try:
        return await asyncio.to_thread(read, kind, files)
    except UnreadableListError as error:
        raise invalid([FieldError(f"/body/{error.file[:35]}", str(error), "unreadable-list")]) from error
