"""A change of department has a first day."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("employee", "employee_version"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN department_from date")
