"""Reference data over HTTP: load in bulk, read, change one record."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Request, Response
from sqlalchemy import ColumnElement, Row, select

from backoffice_chassis import (
    Audit,
    FieldError,
    IfMatch,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    check_version,
    etag,
    fetch_page,
    invalid,
    not_found,
    requires,
)
from backoffice_chassis.audit.canonical import summary
from backoffice_chassis.http.problems import precondition_required
from trade_capture.permissions import MAINTAIN_REFERENCE_DATA, READ_REFERENCE_DATA
from trade_capture.reference import repository, rows
from trade_capture.reference.loading import Load
from trade_capture.reference.resources import RESOURCES, Resource
from trade_capture.reference.schemas import BulkLoad, LoadOut, RefusedRowOut, RowFault, VersionOut

router = Router(prefix="/reference", tags=["Reference data"])

Writer = Annotated[Principal, requires(MAINTAIN_REFERENCE_DATA)]
Endpoint = Callable[..., Awaitable[Any]]


def _serve(resource: Resource) -> None:
    path = f"/{resource.kind.name}"
    item = path + "".join(f"/{{{field}}}" for field in resource.kind.key_fields)
    reader = [resource.access(READ_REFERENCE_DATA)]
    router.put(path, summary=f"Load {resource.plural} in bulk", response_model=LoadOut)(_bulk(resource))
    router.get(
        path,
        summary=f"List {resource.plural}",
        response_model=resource.page,
        openapi_extra=rows.filter_parameters(resource),
        dependencies=reader,
    )(_list(resource))
    single = rows.key_parameters(resource)
    router.get(
        item,
        summary=f"Read {resource.singular}",
        response_model=resource.record,
        openapi_extra=single,
        dependencies=reader,
    )(_read(resource))
    router.get(
        f"{item}/versions",
        summary=f"Read every version of {resource.singular}",
        response_model=Page[VersionOut],
        openapi_extra=single,
        dependencies=reader,
    )(_versions(resource))
    if resource.editable:
        router.put(
            item, summary=f"State {resource.singular}", response_model=resource.record, openapi_extra=single
        )(_state(resource))


def _bulk(resource: Resource) -> Endpoint:
    async def load_in_bulk(
        load: BulkLoad, unit: Unit, principal: Writer, audit: Annotated[Audit, audits(resource.kind.name)]
    ) -> LoadOut:
        good, refused = rows.parse(resource, load.rows)
        outcome = await resource.load(unit, good, recorded_by=principal.subject)
        await _record_load(audit, unit, outcome)
        return LoadOut(
            changed=len(outcome.changed),
            unchanged=outcome.unchanged,
            proposed=outcome.proposed,
            refused=[
                RefusedRowOut(row=row.row, errors=[RowFault(field=f, reason=r) for f, r in row.faults])
                for row in sorted([*refused, *outcome.refused], key=lambda row: row.row)
            ],
        )

    load_in_bulk.__doc__ = resource.loading
    return load_in_bulk


async def _record_load(audit: Audit, unit: Unit, outcome: Load) -> None:
    """Record a load as one entry: each version stands in the kind's own history."""
    if not outcome.changed and not outcome.proposed:
        audit.nothing_changed()
        return
    counts = {
        "unchanged": outcome.unchanged,
        "proposed": outcome.proposed,
        "refused": len(outcome.refused),
    }
    await audit.record(unit, None, after={**counts, "changed": summary(outcome.changed)})


def _list(resource: Resource) -> Endpoint:
    async def list_records(request: Request, unit: Unit, paging: Paging) -> Any:
        query = rows.filtered(resource, request.query_params).where(_in_scope(resource, request))
        order_by = list(resource.kind.current.primary_key.columns)
        found, cursor = await fetch_page(unit.connection, query, order_by, paging)
        return {"items": [repository.as_record(resource.kind, row) for row in found], "next_cursor": cursor}

    return list_records


def _read(resource: Resource) -> Endpoint:
    async def read_record(request: Request, response: Response, unit: Unit) -> Any:
        key = rows.key_of(resource, request.path_params)
        await _require_in_scope(resource, request, unit, key)
        found = await repository.current_records(unit.connection, resource.kind, [key])
        if key not in found:
            raise not_found(resource.singular, "/".join(map(str, key)))
        response.headers["ETag"] = etag(found[key].version)
        return found[key]

    return read_record


def _versions(resource: Resource) -> Endpoint:
    async def read_versions(request: Request, unit: Unit, paging: Paging) -> Any:
        kind = resource.kind
        key = rows.key_of(resource, request.path_params)
        await _require_in_scope(resource, request, unit, key)
        same_key = [kind.versions.c[field] == part for field, part in zip(kind.key_fields, key, strict=True)]
        query = select(kind.versions).where(*same_key)
        found, cursor = await fetch_page(unit.connection, query, [kind.versions.c.version], paging)
        if not found and paging.cursor is None:
            raise not_found(resource.singular, "/".join(map(str, key)))
        return {"items": [_version(resource, row) for row in found], "next_cursor": cursor}

    return read_versions


def _in_scope(resource: Resource, request: Request) -> ColumnElement[bool]:
    principal: Principal = request.state.principal
    return resource.within(principal.scope)


async def _require_in_scope(resource: Resource, request: Request, unit: Unit, key: tuple[Any, ...]) -> None:
    """Raise 404 when there is no such record in a limited caller's scope."""
    if request.state.principal.scope.whole_firm:
        return
    columns = resource.kind.current.c
    same_key = [columns[field] == part for field, part in zip(resource.kind.key_fields, key, strict=True)]
    query = select(columns.version).where(*same_key, _in_scope(resource, request))
    if (await unit.connection.execute(query)).one_or_none() is None:
        raise not_found(resource.singular, "/".join(map(str, key)))


def _version(resource: Resource, row: Row[Any]) -> dict[str, Any]:
    record = resource.record.model_validate(repository.as_record(resource.kind, row))
    return {"record": record.model_dump(), "recorded_at": row.recorded_at, "recorded_by": row.recorded_by}


def _state(resource: Resource) -> Endpoint:
    async def state_record(
        request: Request,
        response: Response,
        *,
        body: dict[str, Any],
        unit: Unit,
        principal: Writer,
        audit: Annotated[Audit, audits(resource.kind.name)],
        if_match: IfMatch,
    ) -> Any:
        """Create the record, or change it: then `If-Match` must carry the ETag last read."""
        key = rows.key_of(resource, request.path_params)
        stated = _stated(resource, body, key)
        await repository.lock_kind(unit.connection, resource.kind.name)
        current = (await repository.current_records(unit.connection, resource.kind, [key])).get(key)
        _check_version(if_match, current)
        outcome = await resource.load(unit, [(0, stated)], recorded_by=principal.subject)
        if outcome.refused:
            raise invalid(
                [FieldError(f"/body/{field}", reason) for field, reason in outcome.refused[0].faults]
            )
        record: Any = outcome.changed[0] if outcome.changed else current
        if record is current:
            audit.nothing_changed()
        else:
            await audit.record(unit, "/".join(map(str, key)), before=current, after=record)
        response.status_code = 201 if current is None else 200
        response.headers["ETag"] = etag(record.version)
        return record

    return state_record


def _stated(resource: Resource, body: dict[str, Any], key: tuple[Any, ...]) -> Any:
    named = dict(zip(resource.kind.key_fields, map(str, key), strict=True))
    good, refused = rows.parse(resource, [{**named, **body}])
    if refused:
        raise invalid([FieldError(f"/body/{field}", reason) for field, reason in refused[0].faults])
    stated = good[0][1]
    if resource.kind.key(stated) != key:
        raise invalid([FieldError("/body", f"{', '.join(named)} must be those of the path")])
    return stated


def _check_version(if_match: int | None, current: Any | None) -> None:
    if current is None:
        check_version(if_match, 0)
    elif if_match is None:
        raise precondition_required("It exists: read it, then send its ETag as `If-Match` to change it.")
    else:
        check_version(if_match, current.version)


for _resource in RESOURCES:
    _serve(_resource)
