"""Employees, their history, their names, and the platform's messaging tables."""

from alembic import op

from backoffice_chassis import migrations as chassis
from backoffice_events.messaging import schema as messaging

revision = "0001"
down_revision = None

EMPLOYEE = """
CREATE TABLE employee (
    employee_id text PRIMARY KEY,
    version integer NOT NULL CHECK (version > 0),
    department text NOT NULL,
    employment jsonb NOT NULL,
    licences jsonb NOT NULL
)
"""

EMPLOYEE_VERSION = """
CREATE TABLE employee_version (
    employee_id text NOT NULL REFERENCES employee,
    version integer NOT NULL CHECK (version > 0),
    change text NOT NULL,
    department text NOT NULL,
    employment jsonb NOT NULL,
    licences jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (employee_id, version)
)
"""

# Names are kept apart from the history: they are corrected in place, and can be erased when the law asks for it.
PERSON = """
CREATE TABLE person (
    employee_id text PRIMARY KEY REFERENCES employee,
    given_name text NOT NULL,
    family_name text NOT NULL,
    date_of_birth date,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
)
"""

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: record a new version instead', TG_TABLE_NAME;
END $$
"""

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON employee_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    messaging.upgrade_0001(op)
    chassis.upgrade_0001(op)
    for statement in (EMPLOYEE, EMPLOYEE_VERSION, PERSON, REFUSE_CHANGE, APPEND_ONLY):
        op.execute(statement)
