"""The approvals' tables as a migration step that every service takes, after the audit log's."""

from typing import Any

from alembic.operations import Operations

from backoffice_chassis.approvals.tables import approval_step, metadata
from backoffice_chassis.audit.schema import make_append_only


def upgrade_0001(op: Operations | Any) -> None:
    """Create the tables; the history takes new rows only."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    make_append_only(op, approval_step.name)


TABLE_NAMES = tuple(metadata.tables)
"""Names of the approvals' tables."""
