"""The guards look their rows up by key, so that a batch costs the same however large the books are."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCRIPT = Path(__file__).parent.parent / "sql" / "posting_guards_by_key.sql"


def upgrade() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(script))
