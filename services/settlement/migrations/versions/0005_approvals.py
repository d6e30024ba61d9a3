"""What one person proposes and another one decides on."""

from alembic import op

from backoffice_chassis.approvals import schema as approvals

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    approvals.upgrade_0001(op)
