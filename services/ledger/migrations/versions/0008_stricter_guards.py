"""A calendar's day and version do not go back, and quantities of the stock record are numbers."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCRIPT = Path(__file__).parent.parent / "sql" / "stricter_guards.sql"


def upgrade() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(script))
