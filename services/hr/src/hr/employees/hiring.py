"""Hiring, one or many: who is known already is recognised, who contradicts the record is refused with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from backoffice_events.contracts.hr import EmployeeHired, Licence
from backoffice_events.messaging import UnitOfWork
from hr.employees import domain, repository
from hr.employees.repository import Person
from hr.employees.schemas import Hiring, RefusedRow, RowFault
from hr.employees.timeline import EmploymentRefusedError

_KNOWN = (
    "is the number of somebody else, or of the same person with other terms: change those instead, the first day, too,"
    " with PATCH /employees/{employee_id}"
)


@dataclass(slots=True)
class Hired:
    """What became of a hiring."""

    events: list[EmployeeHired] = field(default_factory=list)
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


async def hire_all(unit: UnitOfWork, raw: Sequence[Any], recorded_by: str) -> Hired:
    """Hire everybody whose row is right."""
    outcome = Hired()
    hirings = _parsed(raw, outcome)
    await repository.lock_hiring(unit.connection)
    keys = [hiring.employee_id for _, hiring in hirings]
    known = await repository.as_hired(unit.connection, keys)
    named = await repository.persons_as_hired(unit.connection, keys)
    persons: list[Person] = []
    for place, hiring in hirings:
        event = _decide(place, hiring, outcome)
        if event is None:
            continue
        key, stated = event.employee.employee_id, _person(hiring)
        if key in known:
            # Whose name was changed since is told by the terms alone: the one before is not kept.
            same = known[key] == event.employee and named.get(key, stated) == stated
            _recognise(place, same, outcome)
            continue
        known[key], named[key] = event.employee, stated
        outcome.events.append(event)
        persons.append(stated)
    await repository.record(unit, outcome.events, recorded_by)
    await repository.name(unit, persons, recorded_by)
    return outcome


def _parsed(raw: Sequence[Any], outcome: Hired) -> list[tuple[int, Hiring]]:
    hirings = []
    for place, row in enumerate(raw):
        try:
            hirings.append((place, Hiring.model_validate(row)))
        except ValidationError as error:
            outcome.refused.append(RefusedRow(row=place, errors=_faults(error)))
    return hirings


def _decide(place: int, hiring: Hiring, outcome: Hired) -> EmployeeHired | None:
    licences = tuple(
        Licence(product=each.product, valid_from=each.valid_from, valid_to=each.valid_to)
        for each in hiring.licences
    )
    try:
        return domain.hire(hiring.employee_id, hiring.department, hiring.hired_on, licences)
    except EmploymentRefusedError as error:
        fault = RowFault(field=f"licences.{error.field}", reason=str(error))
        outcome.refused.append(RefusedRow(row=place, errors=[fault]))
        return None


def _recognise(place: int, same_terms: bool, outcome: Hired) -> None:
    if same_terms:
        outcome.unchanged += 1
    else:
        fault = RowFault(field="employee_id", reason=_KNOWN)
        outcome.refused.append(RefusedRow(row=place, errors=[fault]))


def _person(hiring: Hiring) -> Person:
    return Person(hiring.employee_id, hiring.given_name, hiring.family_name, hiring.date_of_birth)


def _faults(error: ValidationError) -> list[RowFault]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        RowFault(field=".".join(str(step)[:140] for step in each["loc"]), reason=each["msg"])
        for each in found
    ]
