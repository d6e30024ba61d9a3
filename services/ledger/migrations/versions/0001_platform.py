"""The tables of messaging and of the HTTP edge, the same in every service."""

from alembic import op

from backoffice_chassis import migrations
from backoffice_events.messaging import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.upgrade_0001(op)
    migrations.upgrade_0001(op)
