"""The tables of field encryption as a migration step that every service takes."""

from typing import Any

from alembic.operations import Operations

from backoffice_chassis import migrations
from backoffice_chassis.secrecy.tables import metadata

_GUARD = """
CREATE FUNCTION data_key_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.destroyed_at IS NULL
            AND (NEW.key_id, NEW.generation, NEW.created_at) = (OLD.key_id, OLD.generation, OLD.created_at)
            AND NEW.subject IS NOT DISTINCT FROM OLD.subject THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'data_key: % refused', TG_OP
        USING HINT = 'A data key is wrapped anew or destroyed, and stays on record.';
END $$
"""
_CHANGES = """
CREATE TRIGGER guard_changes BEFORE UPDATE OR DELETE ON data_key FOR EACH ROW EXECUTE FUNCTION data_key_guard()
"""
_EMPTYING = """
CREATE TRIGGER guard_emptying BEFORE TRUNCATE ON data_key FOR EACH STATEMENT EXECUTE FUNCTION data_key_guard()
"""
_PENDING = "INSERT INTO encryption_pending SELECT now() WHERE NOT EXISTS (SELECT FROM encryption_pending)"


def upgrade_0001(op: Operations | Any) -> None:
    """Create the tables. In a database that was there before, values stay in clear until `keys encrypt`.

    For beside this release the one before may run, which reads nothing else.
    """
    metadata.create_all(op.get_bind(), checkfirst=False)
    for statement in (_GUARD, _CHANGES, _EMPTYING):
        op.execute(statement)
    write_in_clear(op)


def write_in_clear(op: Operations | Any) -> None:
    """Have values written in clear until `keys encrypt`, unless the database is new: more is encrypted than before."""
    if not migrations.from_nothing(op):
        op.execute(_PENDING)


TABLE_NAMES = tuple(metadata.tables)
"""Names of the tables of field encryption."""
