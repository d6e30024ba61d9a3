"""The accounts that a message with the CSD names rest encrypted, in a column of their own."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COMMENT = (
    "COMMENT ON COLUMN status_event.document IS 'ISO 20022 message, byte for byte but for the accounts in it'"
)
# As `AccountsOfDocument` takes them out. Text, in which each byte has a character, is what expressions are for.
WITHHELD = r"""
CREATE FUNCTION without_accounts(document bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(
        regexp_replace(
            encode(document, 'escape'),
            '(Acct(?:\s[^<>]*)?>)(?:(?!</[\w.:-]*Acct\s*>).)*(</[\w.:-]*Acct\s*>)',
            '\1\2',
            'g'
        ),
        'escape'
    )
$$
"""
# The accounts may be encrypted, under one key after another; what a line says, nobody changes.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change_but_encrypted_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed CONSTANT text[] := ARRAY['document', 'accounts'];
BEGIN
    IF to_jsonb(NEW) - sealed = to_jsonb(OLD) - sealed
        AND NEW.document = without_accounts(OLD.document)
        AND (NEW.accounts LIKE 'enc1:%' OR NEW.accounts = '' AND OLD.accounts IS NULL AND NEW.document = OLD.document)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: add a row that corrects the other', TG_TABLE_NAME;
END $$
"""
NO_GUARD = "DROP TRIGGER status_event_append_only ON status_event"
GUARDS = (
    """
CREATE TRIGGER status_event_append_only BEFORE DELETE OR TRUNCATE ON status_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
""",
    """
CREATE TRIGGER status_event_guard_changes BEFORE UPDATE ON status_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_encrypted_accounts()
""",
)


def upgrade() -> None:
    op.execute("ALTER TABLE status_event ADD COLUMN accounts text")
    for statement in (COMMENT, WITHHELD, REFUSE_CHANGE, NO_GUARD, *GUARDS):
        op.execute(statement)
    secrecy.write_in_clear(op)
