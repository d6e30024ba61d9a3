"""What a decision stood on is kept as it was written: nothing searches it, so it need not be taken apart or compressed.

Decisions of usual size stay whole in their page (toast_tuple_target).
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE decision ALTER COLUMN findings TYPE json, ALTER COLUMN inputs TYPE json,"
        " SET (toast_tuple_target = 8160)"
    )
