"""Keys of fields that rest encrypted."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    secrecy.upgrade_0001(op)
