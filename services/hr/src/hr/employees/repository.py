"""Reading and writing employees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Row, Select, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy import keys
from backoffice_events.contracts.hr import Employee
from backoffice_events.messaging import UnitOfWork, bulk
from hr.employees.domain import EmployeeEvent
from hr.employees.tables import SEALED_PERSON, employee, employee_version, person

_ONE_HIRING_AT_A_TIME = func.pg_advisory_xact_lock(func.hashtext("hr.hire"))
_LOCK_EMPLOYEE = (
    select(employee.c.employee_id).where(employee.c.employee_id == bindparam("employee_id")).with_for_update()
)
_REPLACE_STATE = (
    "(employee_id) DO UPDATE SET version = excluded.version, department = excluded.department, "
    "employment = excluded.employment, licences = excluded.licences, department_from = excluded.department_from"
)
_REPLACE_PERSON = (
    "(employee_id) DO UPDATE SET given_name = excluded.given_name, family_name = excluded.family_name, "
    "date_of_birth = excluded.date_of_birth, date_of_birth_sealed = excluded.date_of_birth_sealed, "
    "changed_at = excluded.changed_at, changed_by = excluded.changed_by"
)

Known = Mapping[str, Any]
"""An employee as on record, with their personal data; once these are erased, with `erased_at` in their place."""


@dataclass(frozen=True, slots=True)
class Person:
    """Personal data of an employee: it stays in hr's database."""

    employee_id: str
    given_name: str
    family_name: str
    date_of_birth: date | None = None


def employees_with_persons() -> Select[Any]:
    """Return the query for employees with their names; `opened` reads what it finds."""
    personal = [
        person.c[name]
        for name in ("given_name", "family_name", "date_of_birth", "date_of_birth_sealed", "erased_at")
    ]
    return select(employee, *personal).join(person, person.c.employee_id == employee.c.employee_id)


async def opened(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> Sequence[Known]:
    """Return employees with their names as they are meant."""
    return await SEALED_PERSON.open(connection, rows)


async def lock_hiring(connection: AsyncConnection) -> None:
    """Become the only one who hires until the transaction ends: nobody is hired twice."""
    await connection.execute(select(_ONE_HIRING_AT_A_TIME))


async def find(connection: AsyncConnection, employee_id: str, *, lock: bool = False) -> Known | None:
    """Return an employee with their names; lock: nobody else changes them until the transaction ends."""
    if lock:  # by itself: a statement that waits for a lock shows the other tables as they were before
        await connection.execute(_LOCK_EMPLOYEE, {"employee_id": employee_id})
    query = employees_with_persons().where(employee.c.employee_id == employee_id)
    found = await opened(connection, await connection.execute(query))
    return found[0] if found else None


async def as_hired(connection: AsyncConnection, employee_ids: Sequence[str]) -> dict[str, Employee]:
    """Return those of the employees that are known, each as in their first version."""
    query = select(employee_version).where(
        employee_version.c.employee_id == func.any(list(employee_ids)), employee_version.c.version == 1
    )
    return {
        row["employee_id"]: as_employee(dict(row)) for row in (await connection.execute(query)).mappings()
    }


async def persons_as_hired(connection: AsyncConnection, employee_ids: Sequence[str]) -> dict[str, Person]:
    """Return the personal data of those of the employees for whom it is still as it was stated when they were hired."""
    first = employee_version.c
    query = (
        select(person)
        .join(employee_version, first.employee_id == person.c.employee_id)
        .where(first.employee_id == func.any(list(employee_ids)), first.version == 1)
        .where(first.recorded_at == person.c.changed_at)
    )
    rows = await SEALED_PERSON.open(connection, await connection.execute(query))
    return {
        row["employee_id"]: Person(**{each.name: row[each.name] for each in fields(Person)}) for row in rows
    }


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
    sealed = await SEALED_PERSON.seal(unit.connection, rows)
    await bulk.insert(unit.connection, person, sealed, on_conflict=_REPLACE_PERSON)


async def erase(unit: UnitOfWork, employee_id: str, erased_by: str) -> None:
    """Destroy the keys of a person's data, and clear what they encrypted."""
    await keys.destroy(unit.connection, employee_id)
    cleared = dict.fromkeys(("given_name", "family_name", "date_of_birth", "date_of_birth_sealed"))
    erased = {"erased_at": unit.now, "changed_at": unit.now, "changed_by": erased_by}
    await unit.connection.execute(
        update(person).where(person.c.employee_id == employee_id).values(**cleared, **erased)
    )


def as_employee(row: Known) -> Employee:
    """Return the employee that a row holds."""
    state = {field: row[field] for field in Employee.__struct_fields__}
    return msgspec.convert(state, type=Employee)


def _as_row(known: Employee) -> dict[str, Any]:
    return {**msgspec.to_builtins(known), "department_from": known.department_from}
