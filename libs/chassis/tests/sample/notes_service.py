"""A service as small as they come: notes with an amount. It shows, and lets tests prove, what the chassis does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Numeric, Table, Text, Uuid, func, insert, select, update

from backoffice_chassis import (
    Audit,
    Clock,
    Page,
    Paging,
    PeriodicJob,
    Permission,
    Principal,
    ReportRoute,
    RequiredIfMatch,
    Role,
    Router,
    Service,
    ServiceSettings,
    SystemClock,
    Unit,
    audits,
    check_version,
    etag,
    fetch_page,
    not_found,
    requires,
    run,
)
from backoffice_chassis.audit.canonical import digest
from backoffice_chassis.http.vocabulary import Quantity, ShortText
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec, UnitOfWork

metadata = MetaData()
notes = Table(
    "note",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("amount", Numeric(28, 10), nullable=False),
    Column("author", Text, nullable=False),
)

Writer = Annotated[Principal, requires(Permission("write-notes", Role.OPERATIONS, Role.FINANCE))]
Reader = Annotated[Principal, requires(Permission("read-notes", Role.OPERATIONS, Role.AUDITOR))]
Recorder = Annotated[Audit, audits("note")]


class NewNote(BaseModel):
    title: ShortText
    amount: Quantity


class Note(NewNote):
    id: str
    version: int
    author: str


router = Router(prefix="/notes", tags=["notes"])
totals_router = Router(prefix="/note-totals", tags=["notes"], route_class=ReportRoute)


@router.post("", status_code=201)
async def write_note(
    new: NewNote, unit: Unit, principal: Writer, audit: Recorder, response: Response
) -> Note:
    note = Note(id=new_id(), version=1, author=principal.subject, title=new.title, amount=new.amount)
    await unit.connection.execute(insert(notes).values(note.model_dump()))
    await audit.record(unit, note.id, after=note)
    response.headers["Location"] = f"/notes/{note.id}"
    return note


@router.post("/bulk", status_code=204)
async def write_notes(new: list[NewNote], unit: Unit, principal: Writer, audit: Recorder) -> None:
    rows = [{"id": new_id(), "version": 1, "author": principal.subject, **each.model_dump()} for each in new]
    await unit.connection.execute(insert(notes), rows)
    await audit.record(unit, None, after={"notes": len(rows), "sha256": digest(rows)})


@router.post("/half-done")
async def fail_half_way(new: NewNote, unit: Unit, principal: Writer, audit: Recorder) -> None:
    await write_note(new, unit, principal, audit, Response())
    raise RuntimeError("secret detail of a defect")


@router.post("/refused", status_code=200)
async def write_and_refuse(
    new: NewNote, unit: Unit, principal: Writer, audit: Recorder, response: Response
) -> None:
    await write_note(new, unit, principal, audit, Response())
    response.status_code = 409


@router.post("/announced", status_code=204)
async def announce(unit: Unit, principal: Writer, audit: Recorder) -> None:
    today = datetime(2024, 6, 3, tzinfo=UTC).date()
    opened = BusinessDayOpened(calendar="US", business_date=today, version=1, status=BusinessDayStatus.OPEN)
    unit.publish(opened)
    await audit.record(unit, "US", after=opened)


@router.post("/forgotten", status_code=204)
async def forget_to_record(new: NewNote, unit: Unit, principal: Writer, _: Recorder) -> None:
    note = {"id": new_id(), "version": 1, "author": principal.subject, **new.model_dump()}
    await unit.connection.execute(insert(notes).values(note))


@router.get("")
async def list_notes(unit: Unit, paging: Paging, _: Reader) -> Page[Note]:
    rows, cursor = await fetch_page(unit.connection, select(notes), (notes.c.title, notes.c.id), paging)
    return Page(items=[Note(**row._mapping) for row in rows], next_cursor=cursor)


@router.get("/{note_id}")
async def get_note(note_id: str, unit: Unit, _: Reader, response: Response) -> Note:
    row = (await unit.connection.execute(select(notes).where(notes.c.id == note_id))).one_or_none()
    if row is None:
        raise not_found("note", note_id)
    response.headers["ETag"] = etag(row.version)
    return Note(**row._mapping)


@router.put("/{note_id}")
async def change_note(
    *, note_id: str, new: NewNote, unit: Unit, _: Writer, expected: RequiredIfMatch, audit: Recorder
) -> Note:
    query = select(notes).where(notes.c.id == note_id).with_for_update()
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("note", note_id)
    check_version(expected, row.version)
    change = update(notes).where(notes.c.id == note_id).values(version=row.version + 1, **new.model_dump())
    changed = (await unit.connection.execute(change.returning(notes))).one()
    await audit.record(unit, note_id, before=row, after=changed)
    return Note(**changed._mapping)


@totals_router.get("")
async def get_totals(unit: Unit, _: Reader) -> dict[str, int]:
    return {"notes": (await unit.connection.execute(select(func.count()).select_from(notes))).scalar_one()}


async def note_business_days(batch: Batch) -> None:
    """Write a note of each business day; a Sunday is refused, and 1999 is a defect."""
    for received in batch.events:
        opened = received.event
        if opened.business_date.weekday() == 6:
            batch.refuse(received, "nobody works on a Sunday")
            continue
        if opened.business_date.year == 1999:
            raise RuntimeError("the last century")
        note = {
            "id": new_id(),
            "version": 1,
            "title": f"{received.event_id}",
            "amount": 1,
            "author": "events",
        }
        await batch.connection.execute(insert(notes).values(note))


async def count_runs(unit: UnitOfWork) -> None:
    """Write a note each time the job runs."""
    note = {"id": new_id(), "version": 1, "title": f"job {new_id()}", "amount": 1, "author": "job"}
    await unit.connection.execute(insert(notes).values(note))


def build(settings: ServiceSettings, clock: Clock) -> Service:
    return Service(
        name="notes",
        title="Notes",
        description="Notes with an amount.",
        settings=settings,
        routers=[router, totals_router],
        migrations=Path(__file__).parent / "migrations",
        consumers=[ConsumerSpec("notes.business-days", (BusinessDayOpened,), note_business_days)],
        jobs=[PeriodicJob("count runs", timedelta(hours=1), count_runs)],
        clock=clock,
    )


if __name__ == "__main__":
    run(lambda: build(ServiceSettings(), SystemClock()))
