"""The book that a message names, as far as it can be read: who may see some books alone sees their repairs by it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# No column: a release that does not know it would leave it empty, and stale when a fix names another book.
STATED_BOOK = """
CREATE FUNCTION stated_book(message bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(message, 'UTF8')::json ->> 'book';
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;  -- no JSON, no object, no text: it names no book
END $$
"""


def upgrade() -> None:
    op.execute(STATED_BOOK)
