"""Employees as they come and go over HTTP."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backoffice_chassis.http.vocabulary import Day, Reason, ShortText
from backoffice_events.contracts.hr import EmploymentStatus
from backoffice_events.contracts.vocabulary import InstrumentType

EmployeeId = Annotated[
    str,
    Field(
        pattern=r"^[A-Z0-9][A-Z0-9.-]{0,19}$",
        description="Personnel number: capital letters, digits, dots, dashes; at most 20",
        examples=["E00042"],
    ),
]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LicenceIn(_Stated):
    """A licence to trade a product. valid_to: last day; open-ended if left out."""

    product: InstrumentType
    valid_from: Day
    valid_to: Day | None = None


class Hiring(_Stated):
    """Somebody who joins."""

    employee_id: EmployeeId
    given_name: ShortText
    family_name: ShortText
    date_of_birth: Day | None = None
    department: ShortText
    hired_on: Day = Field(description="First day at the firm")
    licences: tuple[LicenceIn, ...] = Field(default=(), max_length=50)


class BulkHiring(BaseModel):
    """Many who join. Rows are judged one by one, each as in the POST of a single one."""

    rows: Annotated[list[Any], Field(max_length=5_000)]


class EmployeePatch(_Stated):
    """What changes; what is left out stays.

    effective_from: the first day in the department, earlier or to come; stated with a department that is another.
    hired_on: the first day of the latest employment, where it was recorded wrongly. Nothing may have happened before
    the right one. Licences begin then at the earliest; for days before the old one they are granted.
    """

    department: ShortText | None = None
    effective_from: Day | None = None
    given_name: ShortText | None = None
    family_name: ShortText | None = None
    hired_on: Day | None = None


class LicenceEnd(_Stated):
    """The licence for a product ends."""

    product: InstrumentType
    last_day: Day


class Leave(_Stated):
    """A leave. last_day: included; left out while the return is not known."""

    first_day: Day
    last_day: Day | None = None


class Return(_Stated):
    """The end of a leave: its last day was not known, or turned out to be another."""

    first_day: Day = Field(description="First day back at work")


class Termination(_Stated):
    """The end of an employment."""

    last_day: Day


class Rehiring(_Stated):
    """Somebody who had left joins again."""

    hired_on: Day


class EmploymentOut(BaseModel):
    """A status and the first day it holds on."""

    status: EmploymentStatus
    effective_from: Day


class EmployeeOut(BaseModel):
    """An employee. Names and date of birth are masked (null) for everybody but HR, and gone once they are erased.

    department_from: the first day in the department, which may be to come; null for the one they were hired into.
    """

    employee_id: str
    version: int
    department: str
    department_from: Day | None
    employment: list[EmploymentOut]
    licences: list[LicenceIn]
    given_name: str | None
    family_name: str | None
    date_of_birth: Day | None
    erased_at: datetime | None = Field(description="When their names and date of birth were erased.")


class ErasureProposal(_Stated):
    """Why the personal data of an employee who left are to be erased."""

    reason: Reason


class EmployeeVersionOut(BaseModel):
    """One version of an employee. change: the event that made it."""

    employee_id: str
    version: int
    change: str
    department: str
    department_from: Day | None
    employment: list[EmploymentOut]
    licences: list[LicenceIn]
    recorded_at: datetime
    recorded_by: str


class RowFault(BaseModel):
    """One field at fault."""

    field: str
    reason: str


class RefusedRow(BaseModel):
    """A row that was not taken. row: its place, from 0."""

    row: int
    errors: list[RowFault]


class BulkHired(BaseModel):
    """What became of a bulk hiring. unchanged: hired before, with the same terms."""

    hired: int
    unchanged: int
    refused: list[RefusedRow]
