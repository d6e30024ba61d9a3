"""Names and birth dates rest encrypted, and can be erased."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# A birth date's own column holds no text; the release before reads it until it is gone. Who is erased has no name.
PERSON = """
ALTER TABLE person
    ADD COLUMN date_of_birth_sealed text,
    ADD COLUMN erased_at timestamptz,
    ALTER COLUMN given_name DROP NOT NULL,
    ALTER COLUMN family_name DROP NOT NULL,
    ADD CONSTRAINT person_named_or_erased CHECK (
        erased_at IS NULL AND given_name IS NOT NULL AND family_name IS NOT NULL
        OR coalesce(given_name, family_name, date_of_birth_sealed) IS NULL AND date_of_birth IS NULL)
"""


def upgrade() -> None:
    secrecy.upgrade_0001(op)
    op.execute(PERSON)
