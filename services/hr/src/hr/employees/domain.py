"""What may happen to an employment, and the event that says so. Pure.

Every function takes an employee as they are and returns the event of the change, or None when nothing would change.
"""

from datetime import date, timedelta

from msgspec.structs import replace

from backoffice_events.contracts.hr import (
    Employee,
    EmployeeChanged,
    EmployeeHired,
    EmployeeLicensed,
    EmployeePutOnLeave,
    EmployeeTerminated,
    Employment,
    EmploymentStatus,
    Licence,
)
from backoffice_events.contracts.vocabulary import InstrumentType
from hr.employees import timeline
from hr.employees.timeline import EmploymentRefusedError

_DAY = timedelta(days=1)

EmployeeEvent = EmployeeHired | EmployeeChanged | EmployeeLicensed | EmployeePutOnLeave | EmployeeTerminated


def status_on(employee: Employee, day: date) -> EmploymentStatus | None:
    """Return the status on a day; None before the first hiring."""
    return timeline.status_on(employee.employment, day)


def hire(
    employee_id: str, department: str, hired_on: date, licences: tuple[Licence, ...] = ()
) -> EmployeeHired:
    """Return the hiring of somebody new, with the licences they bring."""
    entry = Employment(status=EmploymentStatus.EMPLOYED, effective_from=hired_on)
    employee = Employee(
        employee_id=employee_id, version=1, department=department, employment=(entry,), licences=()
    )
    for licence in licences:
        employee = replace(employee, licences=_with_licence(employee, licence))
    return EmployeeHired(employee=employee)


def rehire(employee: Employee, hired_on: date) -> EmployeeHired | None:
    """Return the hiring of somebody who had left. Their licences ended then and have to be granted anew."""
    employment = timeline.with_rehiring(employee.employment, hired_on)
    if employment == employee.employment:
        return None
    return EmployeeHired(employee=_next(employee, employment=employment))


def change(
    employee: Employee,
    *,
    department: str | None = None,
    effective_from: date | None = None,
    hired_on: date | None = None,
    renamed: bool = False,
) -> EmployeeChanged | None:
    """Return the change of what is stated.

    effective_from: the first day in the department; no clock says when a change holds, so whoever states it does.
    hired_on: the first day of the latest employment, where it was recorded wrongly and nothing happened before the
    right one. renamed: their name changed, which no event tells; whoever saw the old one has to read them again.
    """
    changed = employee if hired_on is None else _hired_on(employee, hired_on)
    changed = _moved(changed, department, effective_from)
    if changed == employee and not renamed:
        return None
    return EmployeeChanged(employee=_next(changed))


def _moved(employee: Employee, department: str | None, effective_from: date | None) -> Employee:
    """Return the employee in a department from a day on, the same one from another day included."""
    if effective_from is None:
        if department in {None, employee.department}:
            return employee
        raise EmploymentRefusedError("effective_from", "must be stated: the first day in the department")
    if department is None:
        raise EmploymentRefusedError("department", "must be stated: in which they are from effective_from on")
    if status_on(employee, effective_from) in {None, EmploymentStatus.TERMINATED}:
        raise EmploymentRefusedError(
            "effective_from",
            f"the firm does not employ them on {effective_from}: give a day of an employment",
        )
    return replace(employee, department=department, department_from=effective_from)


def _hired_on(employee: Employee, hired_on: date) -> Employee:
    """Return the employee with another first day: no licence holds before it, none begins earlier for it."""
    recorded = timeline.employed_since(employee.employment)
    moved = employee.department_from
    if moved is not None and recorded <= moved < hired_on:
        raise EmploymentRefusedError(
            "hired_on", f"must be {moved} or earlier: from then on they are in {employee.department}"
        )
    employment = timeline.with_first_day(employee.employment, hired_on)
    licences = tuple(
        licence
        if licence.valid_from < recorded
        else replace(licence, valid_from=max(licence.valid_from, hired_on))
        for licence in employee.licences
        if licence.valid_from < recorded or hired_on <= (licence.valid_to or date.max)
    )
    return replace(employee, employment=employment, licences=licences)


def grant_licence(employee: Employee, licence: Licence) -> EmployeeLicensed | None:
    """Return the grant of a licence, which ends with the employment. Licences for one product never overlap."""
    granted = _while_employed(employee, licence)
    if granted in employee.licences:
        return None
    return EmployeeLicensed(employee=_next(employee, licences=_with_licence(employee, granted)))


def end_licence(employee: Employee, product: InstrumentType, last_day: date) -> EmployeeLicensed | None:
    """Return the end of the licence for a product that holds on `last_day`; it is not valid afterwards."""
    for number, licence in enumerate(employee.licences):
        if licence.product is product and licence.valid_from <= last_day <= (licence.valid_to or date.max):
            if licence.valid_to == last_day:
                return None
            ended = list(employee.licences)
            ended[number] = replace(licence, valid_to=last_day)
            return EmployeeLicensed(employee=_next(employee, licences=tuple(ended)))
    raise EmploymentRefusedError("last_day", f"no licence for {product} holds on {last_day}")


def put_on_leave(employee: Employee, first_day: date, last_day: date | None) -> EmployeePutOnLeave | None:
    """Return a leave, its last day included; without a last day it lasts until a return, or the employment's end."""
    if last_day is not None and last_day < first_day:
        raise EmploymentRefusedError("last_day", f"must be {first_day} or later")
    return _absence(employee, timeline.with_leave(employee.employment, first_day, last_day))


def return_from_leave(employee: Employee, first_day: date) -> EmployeePutOnLeave | None:
    """Return the end of the latest leave that began by `first_day`: employed again from then on."""
    return _absence(employee, timeline.with_return(employee.employment, first_day))


def _absence(employee: Employee, employment: timeline.Record) -> EmployeePutOnLeave | None:
    if employment == employee.employment:
        return None
    return EmployeePutOnLeave(employee=_next(employee, employment=employment))


def terminate(employee: Employee, last_day: date) -> EmployeeTerminated | None:
    """Return the end of the employment after `last_day`: licences end with it, what was planned later is given up.

    A termination on record may be brought forward, as when somebody under notice is dismissed at once, or postponed;
    licences that ended with an earlier last day have to be granted anew.
    """
    employment = timeline.with_termination(employee.employment, last_day)
    if employment == employee.employment:
        return None
    held = [licence for licence in employee.licences if licence.valid_from <= last_day]
    licences = tuple(_ended(licence, last_day) for licence in held)
    return EmployeeTerminated(employee=_next(employee, employment=employment, licences=licences))


def erasable_from(employee: Employee, retention_years: int) -> date:
    """Return the day from which an employee's personal data may be erased: so many years after they left.

    Until then the law wants them kept: records that show who took part in investment services for five years, seven
    where the authority asks for it (Directive 2014/65/EU, Article 16(6) and (7); Regulation (EU) 600/2014, Article
    25(1)), and what a law demands is exempt from erasure (Regulation (EU) 2016/679, Article 17(3)(b)).
    """
    last = employee.employment[-1]
    if last.status is not EmploymentStatus.TERMINATED:
        raise EmploymentRefusedError(
            "employee_id", "is employed: personal data are erased after somebody left"
        )
    return _years_later(last.effective_from, retention_years)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # no 29 February in that year, or no such year
        return date(day.year + years, 3, 1) if day.year + years <= date.max.year else date.max


def _next(
    employee: Employee,
    *,
    employment: tuple[Employment, ...] | None = None,
    licences: tuple[Licence, ...] | None = None,
) -> Employee:
    return replace(
        employee,
        version=employee.version + 1,
        employment=employee.employment if employment is None else employment,
        licences=employee.licences if licences is None else licences,
    )


def _while_employed(employee: Employee, licence: Licence) -> Licence:
    """Return a licence up to the last day of the employment, where that is known: no later one goes on with it."""
    ends = [
        entry.effective_from - _DAY
        for entry in employee.employment
        if entry.status is EmploymentStatus.TERMINATED and entry.effective_from > licence.valid_from
    ]
    return _ended(licence, min(ends)) if ends else licence


def _ended(licence: Licence, last_day: date) -> Licence:
    return replace(licence, valid_to=min(licence.valid_to or date.max, last_day))


def _with_licence(employee: Employee, licence: Licence) -> tuple[Licence, ...]:
    if licence.valid_to is not None and licence.valid_to < licence.valid_from:
        raise EmploymentRefusedError("valid_to", f"must be {licence.valid_from} or later")
    if status_on(employee, licence.valid_from) in {None, EmploymentStatus.TERMINATED}:
        raise EmploymentRefusedError("valid_from", f"the firm does not employ them on {licence.valid_from}")
    for known in employee.licences:
        if known.product is licence.product and _overlap(known, licence):
            raise EmploymentRefusedError(
                "valid_from",
                f"overlaps the licence for {known.product} from {known.valid_from}: end that first",
            )
    return (*employee.licences, licence)


def _overlap(one: Licence, other: Licence) -> bool:
    return one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (one.valid_to or date.max)
