"""Posting looks each journal up once for all its lines, and the books of trades by key whatever the plan."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCRIPT = Path(__file__).parent.parent / "sql" / "fewer_look_ups.sql"


def upgrade() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(script))
