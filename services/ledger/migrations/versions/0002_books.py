"""The books, and what the database itself refuses: statement-level triggers, so their cost is per batch."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    for script in ("books", "posting_guards", "append_only_guards"):
        _run((SQL / f"{script}.sql").read_text(encoding="utf-8"))


def _run(script: str) -> None:
    """Run a script of many statements in the migration's transaction: a prepared statement takes only one."""
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(script))
