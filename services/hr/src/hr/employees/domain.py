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

EmployeeEvent = EmployeeHired | EmployeeChanged | EmployeeLicensed | EmployeePutOnLeave | EmployeeTerminated

_DAY = timedelta(days=1)


class EmploymentRefusedError(ValueError):
    """The change contradicts what is on record. field: the input at fault. The message says why and what would do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def status_on(employee: Employee, day: date) -> EmploymentStatus | None:
    """Return the status on a day; None before the first hiring."""
    in_force = [entry.status for entry in employee.employment if entry.effective_from <= day]
    return in_force[-1] if in_force else None


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
    last = employee.employment[-1]
    entry = Employment(status=EmploymentStatus.EMPLOYED, effective_from=hired_on)
    if last == entry:
        return None
    if last.status is not EmploymentStatus.TERMINATED:
        raise EmploymentRefusedError("hired_on", "only somebody who left can be hired again")
    if hired_on < last.effective_from:
        raise EmploymentRefusedError(
            "hired_on", f"must be {last.effective_from} or later: until then employed"
        )
    return EmployeeHired(employee=_next(employee, employment=(*_before(employee, hired_on), entry)))


def change_department(employee: Employee, department: str) -> EmployeeChanged:
    """Return the move to a department."""
    return EmployeeChanged(employee=_next(employee, department=department))


def grant_licence(employee: Employee, licence: Licence) -> EmployeeLicensed | None:
    """Return the grant of a licence. Licences for one product never overlap."""
    if licence in employee.licences:
        return None
    return EmployeeLicensed(employee=_next(employee, licences=_with_licence(employee, licence)))


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
    """Return a leave, its last day included; without a last day it lasts until a return is recorded."""
    if last_day is not None and last_day < first_day:
        raise EmploymentRefusedError("last_day", f"must be {first_day} or later")
    entries = [Employment(status=EmploymentStatus.ON_LEAVE, effective_from=first_day)]
    if last_day is not None:
        entries.append(Employment(status=EmploymentStatus.EMPLOYED, effective_from=_day_after(last_day)))
    if employee.employment[-len(entries) :] == tuple(entries):
        return None
    _refuse_unless_employed_from(employee, first_day)
    return EmployeePutOnLeave(employee=_next(employee, employment=(*_before(employee, first_day), *entries)))


def return_from_leave(employee: Employee, first_day: date) -> EmployeePutOnLeave | None:
    """Return the end of the latest leave: employed again from `first_day` on.

    It takes the place of a return on record, earlier or later. Back on the leave's own first day, there was none.
    """
    entry = Employment(status=EmploymentStatus.EMPLOYED, effective_from=first_day)
    if employee.employment[-1] == entry:
        return None
    away = _latest_leave(employee)
    if away is None or first_day < away.effective_from:
        raise EmploymentRefusedError("first_day", f"no leave to come back from began by {first_day}")
    kept = [known for known in _before(employee, first_day) if known.effective_from <= away.effective_from]
    return EmployeePutOnLeave(employee=_next(employee, employment=(*kept, entry)))


def _latest_leave(employee: Employee) -> Employment | None:
    """Return the leave that the record ends with, its return included; None when something came after it."""
    on_leave = [entry for entry in employee.employment[-2:] if entry.status is EmploymentStatus.ON_LEAVE]
    if not on_leave or employee.employment[-1].status is EmploymentStatus.TERMINATED:
        return None
    return on_leave[-1]


def terminate(employee: Employee, last_day: date) -> EmployeeTerminated | None:
    """Return the end of the employment after `last_day`: licences end with it, later leaves do not take place.

    A termination on record may be brought forward, as when somebody under notice is dismissed at once.
    """
    entry = Employment(status=EmploymentStatus.TERMINATED, effective_from=_day_after(last_day))
    if employee.employment[-1] == entry:
        return None
    if status_on(employee, last_day) in {None, EmploymentStatus.TERMINATED}:
        raise EmploymentRefusedError("last_day", f"the firm does not employ them on {last_day}")
    kept = tuple(known for known in employee.employment if known.effective_from <= last_day)
    held = [licence for licence in employee.licences if licence.valid_from <= last_day]
    licences = tuple(_ended(licence, last_day) for licence in held)
    return EmployeeTerminated(employee=_next(employee, employment=(*kept, entry), licences=licences))


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


def _before(employee: Employee, day: date) -> tuple[Employment, ...]:
    """Return the employment up to a day: what would begin on the very day gives way, a day has one status."""
    return tuple(entry for entry in employee.employment if entry.effective_from < day)


def _next(
    employee: Employee,
    *,
    department: str | None = None,
    employment: tuple[Employment, ...] | None = None,
    licences: tuple[Licence, ...] | None = None,
) -> Employee:
    return replace(
        employee,
        version=employee.version + 1,
        department=employee.department if department is None else department,
        employment=employee.employment if employment is None else employment,
        licences=employee.licences if licences is None else licences,
    )


def _day_after(last_day: date) -> date:
    if last_day == date.max:
        raise EmploymentRefusedError("last_day", "must be earlier: leave it out where the end is not known")
    return last_day + _DAY


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


def _refuse_unless_employed_from(employee: Employee, day: date) -> None:
    last = employee.employment[-1]
    if last.status is not EmploymentStatus.EMPLOYED or last.effective_from > day:
        raise EmploymentRefusedError(
            "first_day", f"{last.status} from {last.effective_from} on: a leave begins while employed"
        )
