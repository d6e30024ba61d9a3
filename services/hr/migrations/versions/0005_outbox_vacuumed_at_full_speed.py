"""The outbox is vacuumed at full speed: held back, vacuums did not keep up with the rows that the relay deletes."""

from alembic import op

from backoffice_events.messaging import schema

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.upgrade_0002(op)
