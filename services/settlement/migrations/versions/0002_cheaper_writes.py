"""Room for updates inside the page, and history details as plain JSON, which nothing searches.

A settlement is written once and updated about three times. In full pages each update went to another page and into
every index again.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE settlement SET (fillfactor = 40)")
    op.execute("ALTER TABLE status_event ALTER COLUMN details TYPE json")
