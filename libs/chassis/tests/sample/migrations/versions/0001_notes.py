"""Notes, and the tables of chassis, messaging and audit log."""

import sqlalchemy as sa
from alembic import op

from backoffice_chassis import migrations
from backoffice_chassis.approvals import schema as approvals
from backoffice_chassis.audit import schema as audit
from backoffice_chassis.secrecy import schema as secrecy
from backoffice_events.messaging import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    migrations.upgrade_0001(op)
    schema.upgrade_0001(op)
    audit.upgrade_0001(op)
    approvals.upgrade_0001(op)
    secrecy.upgrade_0001(op)
    op.create_table(
        "note",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("amount", sa.Numeric(28, 10), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.CheckConstraint("amount < 1000000", name="note_amount_is_sane"),
        sa.UniqueConstraint("title", name="note_title_once"),
    )
