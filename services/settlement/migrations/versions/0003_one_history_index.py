"""One index on the history instead of two: its lines are only ever looked up by trade."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DROP INDEX status_event_trade")
    op.execute("ALTER TABLE status_event DROP CONSTRAINT status_event_pkey")
    op.execute("ALTER TABLE status_event ADD PRIMARY KEY (trade_id, status_event_id)")
