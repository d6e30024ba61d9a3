"""The audit log's tables as a migration step that every service takes."""

from typing import Any

from alembic.operations import Operations

from backoffice_chassis.audit.tables import APPEND_ONLY, metadata

_REFUSE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'What was recorded stands; what was wrong is put right by another action.';
END $$
"""

_TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
"""

# Default privileges let the service's role write whatever its owner creates: here it may add and read.
_ADD_AND_READ = """
DO $$
DECLARE
    role name;
BEGIN
    FOR role IN SELECT DISTINCT pg_get_userbyid(acl.grantee)
                FROM pg_class, aclexplode(relacl) AS acl
                WHERE pg_class.oid = '{table}'::regclass AND acl.grantee NOT IN (0, relowner) LOOP
        EXECUTE format('REVOKE ALL ON {table} FROM %I', role);
        EXECUTE format('GRANT SELECT, INSERT ON {table} TO %I', role);
    END LOOP;
END $$
"""


def upgrade_0001(op: Operations | Any) -> None:
    """Create the tables; each but the queue takes new rows only, whoever writes."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    op.execute(_REFUSE)
    for table in APPEND_ONLY:
        make_append_only(op, table.name)


def make_append_only(op: Operations | Any, table: str) -> None:
    """Let a table take new rows only, whoever writes. The audit log's own step comes before."""
    for statement in (_TRIGGER, _ADD_AND_READ):
        op.execute(statement.format(table=table))


TABLE_NAMES = tuple(metadata.tables)
"""Names of the audit log's tables."""
