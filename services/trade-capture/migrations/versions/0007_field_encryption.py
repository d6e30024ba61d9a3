"""Account numbers of settlement instructions rest encrypted."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


# A version may be encrypted, under one key after another; what it says, nobody changes.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change_but_encryption() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    accounts CONSTANT text[] := ARRAY['safekeeping_account', 'cash_account'];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - accounts = to_jsonb(OLD) - accounts
            AND NEW.safekeeping_account LIKE 'enc1:%' AND NEW.cash_account LIKE 'enc1:%' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: record a new version instead', TG_TABLE_NAME;
END $$
"""
NO_GUARD = "DROP TRIGGER append_only ON settlement_instruction_version"
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement_instruction_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_encryption()
"""


def upgrade() -> None:
    secrecy.upgrade_0001(op)
    for statement in (REFUSE_CHANGE, NO_GUARD, GUARD):
        op.execute(statement)
