"""The firm's business date when an entry of the repair queue came: one that states no trade date counts on it.

Entries from before have none, and count by the trade date that they state.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE repair_entry ADD COLUMN business_date date")
