"""Tables of hr: employees as they are, every version they had, and their names, which never leave this database."""

from sqlalchemy import Column, Date, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from backoffice_chassis.secrecy.sealed import Sealed
from hr.metadata import metadata

employee = Table(
    "employee",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("department", Text, nullable=False),
    Column("employment", JSONB, nullable=False),
    Column("licences", JSONB, nullable=False),
    Column("department_from", Date, comment="null: the department they were hired into"),
)

employee_version = Table(
    "employee_version",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("employment", JSONB, nullable=False),
    Column("licences", JSONB, nullable=False),
    Column("department_from", Date),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("given_name", Text, comment="null: erased"),
    Column("family_name", Text, comment="null: erased"),
    Column("date_of_birth", Date, comment="in clear, while a release may run that reads it"),
    Column("date_of_birth_sealed", Text),
    Column("erased_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
)

SEALED_PERSON = Sealed(
    person,
    ("given_name", "family_name", "date_of_birth"),
    subject="employee_id",
    apart={"date_of_birth": "date_of_birth_sealed"},
)
"""Each person's data is under keys of their own: destroying them erases it, in backups too."""
