"""Employees over HTTP: hired, changed, licensed, on leave, leaving, and read."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response
from sqlalchemy import select

from backoffice_chassis import (
    Audit,
    FieldError,
    IfMatch,
    Page,
    Paging,
    Principal,
    Problem,
    Router,
    Unit,
    audits,
    check_version,
    conflict,
    etag,
    fetch_page,
    invalid,
    not_found,
    requires,
)
from backoffice_chassis.audit.canonical import summary
from backoffice_chassis.http.problems import precondition_required
from backoffice_chassis.http.vocabulary import ShortText
from backoffice_events.contracts.hr import Employee, Licence
from backoffice_events.messaging import UnitOfWork
from hr.employees import domain, repository, schemas
from hr.employees.domain import EmployeeEvent
from hr.employees.hiring import hire_all
from hr.employees.repository import Known
from hr.employees.tables import employee, employee_version
from hr.employees.timeline import EmploymentRefusedError
from hr.permissions import MAINTAIN_EMPLOYEES, READ_EMPLOYEES, READ_PERSONAL_DATA

router = Router(prefix="/employees", tags=["Employees"])

Reader = Annotated[Principal, requires(READ_EMPLOYEES)]
Officer = Annotated[Principal, requires(MAINTAIN_EMPLOYEES)]
Recorder = Annotated[Audit, audits("employee")]
EmployeeId = Annotated[schemas.EmployeeId, Path()]


@router.post("", status_code=201, response_model=schemas.EmployeeOut)
async def hire_employee(
    hiring: schemas.Hiring, response: Response, unit: Unit, principal: Officer, audit: Recorder
) -> Any:
    """Hire somebody, with the licences they bring."""
    outcome = await hire_all(unit, [hiring.model_dump()], principal.subject)
    if outcome.refused:
        raise _refused(outcome.refused[0])
    response.status_code = 201 if outcome.events else 200
    answer = await _answer(unit, hiring.employee_id, response, principal)
    if outcome.events:
        await audit.record(unit, hiring.employee_id, after=answer)
    else:
        audit.nothing_changed()
    return answer


@router.post("/bulk", response_model=schemas.BulkHired)
async def hire_many(hirings: schemas.BulkHiring, unit: Unit, principal: Officer, audit: Recorder) -> Any:
    """Hire many at once: good rows are taken, the others named with what is wrong; sent twice, it hires once."""
    outcome = await hire_all(unit, hirings.rows, principal.subject)
    refused = sorted(outcome.refused, key=lambda row: row.row)
    hired = summary([event.employee for event in outcome.events])
    await audit.record(unit, None, after={"hired": hired, "refused": len(refused)})
    return {"hired": len(outcome.events), "unchanged": outcome.unchanged, "refused": refused}


@router.get("", response_model=Page[schemas.EmployeeOut])
async def list_employees(
    unit: Unit,
    paging: Paging,
    principal: Reader,
    department: Annotated[ShortText | None, Query()] = None,
) -> Any:
    """List employees by personnel number, leavers included."""
    query = repository.employees_with_persons()
    if department is not None:
        query = query.where(employee.c.department == department)
    found, cursor = await fetch_page(unit.connection, query, [employee.c.employee_id], paging)
    known = await repository.opened(unit.connection, found)
    return {"items": [_shown(row, principal) for row in known], "next_cursor": cursor}


@router.get("/{employee_id}", response_model=schemas.EmployeeOut)
async def read_employee(employee_id: EmployeeId, response: Response, unit: Unit, principal: Reader) -> Any:
    """Read one employee."""
    return await _answer(unit, employee_id, response, principal)


@router.get("/{employee_id}/history", response_model=Page[schemas.EmployeeVersionOut])
async def read_history(employee_id: EmployeeId, unit: Unit, paging: Paging, _: Reader) -> Any:
    """Read every version of an employee: what changed, when it was recorded and by whom."""
    query = select(employee_version).where(employee_version.c.employee_id == employee_id)
    found, cursor = await fetch_page(unit.connection, query, [employee_version.c.version], paging)
    if not found and paging.cursor is None:
        raise not_found("employee", employee_id)
    return {"items": [row._mapping for row in found], "next_cursor": cursor}


class Change:
    """One employee, locked for one change by one officer."""

    def __init__(
        self,
        employee_id: EmployeeId,
        response: Response,
        *,
        unit: Unit,
        principal: Officer,
        audit: Recorder,
        if_match: IfMatch,
    ) -> None:
        self.employee_id = employee_id
        self.response = response
        self.unit = unit
        self.principal = principal
        self.audit = audit
        self.if_match = if_match

    async def apply(
        self, decide: Callable[[Employee], EmployeeEvent | None], *, before: Known | None = None
    ) -> schemas.EmployeeOut:
        """Record what `decide` makes of the employee; answer them as they are then.

        before: as they were, when something was changed already.
        """
        row = await self.locked()
        try:
            event = decide(repository.as_employee(row))
        except EmploymentRefusedError as error:
            raise invalid([FieldError(f"/body/{error.field}", str(error))]) from error
        if event is not None:
            await repository.record(self.unit, [event], self.principal.subject)
        return await self._recorded(before or row)

    async def _recorded(self, before: Known) -> schemas.EmployeeOut:
        after = await repository.find(self.unit.connection, self.employee_id)
        if before == after:
            self.audit.nothing_changed()
        else:
            await self.audit.record(self.unit, self.employee_id, before=before, after=after)
        return await _answer(self.unit, self.employee_id, self.response, self.principal)

    async def locked(self) -> Known:
        """Return the employee, locked. Raises 404, 409 for who is erased, 412 when the caller saw an older version."""
        row = await repository.find(self.unit.connection, self.employee_id, lock=True)
        if row is None:
            raise not_found("employee", self.employee_id)
        if row["erased_at"] is not None:
            raise conflict("employee-erased", "Their personal data is erased: who comes back is hired anew.")
        check_version(self.if_match, row["version"])
        return row


OneChange = Annotated[Change, Depends()]


@router.patch("/{employee_id}", response_model=schemas.EmployeeOut)
async def change_employee(patch: schemas.EmployeePatch, change: OneChange) -> schemas.EmployeeOut:
    """Change department, from a day on, or name, or correct the first day; `If-Match` must carry the ETag last read."""
    if change.if_match is None:
        raise precondition_required("Read the employee first, then send the ETag as `If-Match`.")
    row = await change.locked()
    given_name, family_name = patch.given_name or row["given_name"], patch.family_name or row["family_name"]
    renamed = (given_name, family_name) != (row["given_name"], row["family_name"])
    if renamed:
        person = repository.Person(change.employee_id, given_name, family_name, row["date_of_birth"])
        await repository.name(change.unit, [person], change.principal.subject)
    stated = patch.model_dump(include={"department", "effective_from", "hired_on"})
    return await change.apply(lambda known: domain.change(known, **stated, renamed=renamed), before=row)


@router.post("/{employee_id}/licences", response_model=schemas.EmployeeOut)
async def grant_licence(licence: schemas.LicenceIn, change: OneChange) -> schemas.EmployeeOut:
    """Grant a licence to trade a product, until the employment ends; licences for one product do not overlap."""
    granted = Licence(product=licence.product, valid_from=licence.valid_from, valid_to=licence.valid_to)
    return await change.apply(lambda known: domain.grant_licence(known, granted))


@router.post("/{employee_id}/licences/end", response_model=schemas.EmployeeOut)
async def end_licence(end: schemas.LicenceEnd, change: OneChange) -> schemas.EmployeeOut:
    """End, or shorten, the licence for a product that holds on the last day given."""
    return await change.apply(lambda known: domain.end_licence(known, end.product, end.last_day))


@router.post("/{employee_id}/leave", response_model=schemas.EmployeeOut)
async def put_on_leave(leave: schemas.Leave, change: OneChange) -> schemas.EmployeeOut:
    """Record a leave, before or after what is planned already; whoever is on leave may not trade."""
    return await change.apply(lambda known: domain.put_on_leave(known, leave.first_day, leave.last_day))


@router.post("/{employee_id}/return", response_model=schemas.EmployeeOut)
async def return_from_leave(back: schemas.Return, change: OneChange) -> schemas.EmployeeOut:
    """Record the return from the latest leave begun by then: left open, or on another day than was planned."""
    return await change.apply(lambda known: domain.return_from_leave(known, back.first_day))


@router.post("/{employee_id}/termination", response_model=schemas.EmployeeOut)
async def terminate(termination: schemas.Termination, change: OneChange) -> schemas.EmployeeOut:
    """End the employment after a last day, or bring a recorded end forward or postpone it.

    What was planned for later, a leave or a rehiring, does not take place. Licences end with the employment; postponed,
    they have to be granted anew.
    """
    return await change.apply(lambda known: domain.terminate(known, termination.last_day))


@router.post("/{employee_id}/rehiring", response_model=schemas.EmployeeOut)
async def rehire(rehiring: schemas.Rehiring, change: OneChange) -> schemas.EmployeeOut:
    """Hire somebody again who had left; licences have to be granted anew."""
    return await change.apply(lambda known: domain.rehire(known, rehiring.hired_on))


async def _answer(
    unit: UnitOfWork, employee_id: str, response: Response, principal: Principal
) -> schemas.EmployeeOut:
    row = await repository.find(unit.connection, employee_id)
    if row is None:
        raise not_found("employee", employee_id)
    response.headers["ETag"] = etag(row["version"])
    return schemas.EmployeeOut.model_validate(_shown(row, principal))


def _shown(row: Known, principal: Principal) -> dict[str, Any]:
    """Return what the caller may see: names and birth dates are HR's."""
    fields = dict(row)
    if not READ_PERSONAL_DATA.held_by(principal):
        fields.update(given_name=None, family_name=None, date_of_birth=None)
    return fields


def _refused(row: schemas.RefusedRow) -> Problem:
    errors = [FieldError(f"/body/{fault.field}", fault.reason) for fault in row.errors]
    if any(fault.field == "employee_id" for fault in row.errors):
        return conflict("employee-known", f"The personnel number {row.errors[0].reason}.")
    return invalid(errors)
