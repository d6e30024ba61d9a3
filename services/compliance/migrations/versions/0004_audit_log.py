"""The audit log: what people change over HTTP, append-only, in a Merkle tree whose heads are signed."""

from alembic import op

from backoffice_chassis.audit import schema as audit

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    audit.upgrade_0001(op)
