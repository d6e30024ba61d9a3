"""A decision names its trade's book in a column: to read it out of the inputs for the index took two fifths of a write.

Decisions from before, and those of the release before while both run, have it in their inputs alone.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE decision ADD COLUMN book text")
    op.execute("DROP INDEX decision_book")
    op.execute(
        "CREATE INDEX decision_book"
        " ON decision (coalesce(book, json_extract_path_text(inputs, 'trade', 'book')), decision_id)"
    )
