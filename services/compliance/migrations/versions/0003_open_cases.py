"""Open cases are counted every half minute: an index of them alone, so that closed ones cost nothing."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX case_open ON compliance_case (opened_at) WHERE closed_at IS NULL")
