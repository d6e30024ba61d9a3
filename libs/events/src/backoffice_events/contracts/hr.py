"""What HR tells the firm of its people: no names, no personal data, only who may do what and since when."""

from datetime import date
from enum import StrEnum

import msgspec

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import InstrumentType, Int, Text

HR_EMPLOYEES = Topic("hr.employees.v1", owner="hr", compacted=True, partitions=1)


class EmploymentStatus(StrEnum):
    """Whether a person works at the firm."""

    EMPLOYED = "EMPLOYED"
    ON_LEAVE = "ON_LEAVE"
    TERMINATED = "TERMINATED"


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """A status and the first date it holds on; it holds until the next one's date."""

    status: EmploymentStatus
    effective_from: date


class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to trade a product. valid_to: last day, None while open-ended."""

    product: InstrumentType
    valid_from: date
    valid_to: date | None = None


class Employee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's employment as far as the firm's services need it.

    version: 1, 2, 3… employment: every status in force or to come, by date. licences: all that were ever granted.
    department_from: first day in the department, which may be to come; None for the one they were hired into.
    """

    employee_id: Text
    version: Int
    department: Text
    employment: tuple[Employment, ...]
    licences: tuple[Licence, ...]
    department_from: date | None = None


class _EmployeeEvent(Event, frozen=True, kw_only=True):
    employee: Employee

    def key(self) -> str:
        """Return the employee's id."""
        return self.employee.employee_id


@event("backoffice.hr.employee-hired.v1", HR_EMPLOYEES, key="employee.employee_id")
class EmployeeHired(_EmployeeEvent, frozen=True, kw_only=True):
    """Somebody was hired."""


@event("backoffice.hr.employee-changed.v1", HR_EMPLOYEES, key="employee.employee_id")
class EmployeeChanged(_EmployeeEvent, frozen=True, kw_only=True):
    """Somebody's department or other detail changed."""


@event("backoffice.hr.employee-licensed.v1", HR_EMPLOYEES, key="employee.employee_id")
class EmployeeLicensed(_EmployeeEvent, frozen=True, kw_only=True):
    """A licence was granted, shortened or withdrawn."""


@event("backoffice.hr.employee-put-on-leave.v1", HR_EMPLOYEES, key="employee.employee_id")
class EmployeePutOnLeave(_EmployeeEvent, frozen=True, kw_only=True):
    """Somebody goes on leave, or comes back from it, on the dates in `employment`."""


@event("backoffice.hr.employee-terminated.v1", HR_EMPLOYEES, key="employee.employee_id")
class EmployeeTerminated(_EmployeeEvent, frozen=True, kw_only=True):
    """Somebody leaves the firm on the date in `employment`."""
