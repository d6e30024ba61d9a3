"""Reading and writing employees."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.hr import Employee
from backoffice_events.messaging import UnitOfWork, bulk
from hr.employees.domain import EmployeeEvent
from hr.employees.tables import employee, employee_version, person

_ONE_HIRING_AT_A_TIME = func.pg_advisory_xact_lock(func.hashtext("hr.hire"))
_REPLACE_STATE = (
    "(employee_id) DO UPDATE SET version = excluded.version, department = excluded.department, "
    "employment = excluded.employment, licences = excluded.licences"
)
_REPLACE_PERSON = (
    "(employee_id) DO UPDATE SET given_name = excluded.given_name, family_name = excluded.family_name, "
    "date_of_birth = excluded.date_of_birth, changed_at = excluded.changed_at, changed_by = excluded.changed_by"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Personal data of an employee: it stays in hr's database."""

    employee_id: str
    given_name: str
    family_name: str
    date_of_birth: date | None = None


def employees_with_persons() -> Select[Any]:
    """Return the query for employees with their names."""
    return select(employee, person.c.given_name, person.c.family_name, person.c.date_of_birth).join(
        person, person.c.employee_id == employee.c.employee_id
    )


async def lock_hiring(connection: AsyncConnection) -> None:
    """Become the only one who hires until the transaction ends: nobody is hired twice."""
    await connection.execute(select(_ONE_HIRING_AT_A_TIME))


async def find(connection: AsyncConnection, employee_id: str, *, lock: bool = False) -> Row[Any] | None:
    """Return an employee with their names; lock: nobody else changes them until the transaction ends."""
    query = employees_with_persons().where(employee.c.employee_id == employee_id)
    query = query.with_for_update(of=employee) if lock else query
    found: Row[Any] | None = (await connection.execute(query)).one_or_none()
    return found


async def as_hired(connection: AsyncConnection, employee_ids: Sequence[str]) -> dict[str, Employee]:
    """Return those of the employees that are known, each as in their first version."""
    query = select(employee_version).where(
        employee_version.c.employee_id == func.any(list(employee_ids)), employee_version.c.version == 1
    )
    return {row.employee_id: as_employee(row) for row in await connection.execute(query)}


async def record(unit: UnitOfWork, events: Sequence[EmployeeEvent], recorded_by: str) -> None:
    """Record what happened to employees, as versions and as events."""
    states = [_as_row(event.employee) for event in events]
    recorded = {"recorded_at": unit.now, "recorded_by": recorded_by}
    versions = [
        {**state, "change": type(event).__name__, **recorded}
        for state, event in zip(states, events, strict=True)
    ]
    await bulk.insert(unit.connection, employee, states, on_conflict=_REPLACE_STATE)
    await bulk.insert(unit.connection, employee_version, versions)
    for event in events:
        unit.publish(event)


async def name(unit: UnitOfWork, persons: Sequence[Person], recorded_by: str) -> None:
    """Record names and dates of birth."""
    changed = {"changed_at": unit.now, "changed_by": recorded_by}
    rows = [
        {
            "employee_id": known.employee_id,
            "given_name": known.given_name,
            "family_name": known.family_name,
            "date_of_birth": known.date_of_birth,
            **changed,
        }
        for known in persons
    ]
    await bulk.insert(unit.connection, person, rows, on_conflict=_REPLACE_PERSON)


def as_employee(row: Row[Any]) -> Employee:
    """Return the employee that a row holds."""
    state = {field: row._mapping[field] for field in Employee.__struct_fields__}
    return msgspec.convert(state, type=Employee)


def _as_row(known: Employee) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(known)
    return row
