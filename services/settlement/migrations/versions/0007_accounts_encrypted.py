"""The accounts of a trade rest encrypted, in a column of their own."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE settlement ADD COLUMN accounts text")
    secrecy.write_in_clear(op)
