"""The accounts of a trade rest encrypted, of every version, in a column of their own."""

from alembic import op

from backoffice_chassis.secrecy import schema as secrecy

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WITHHELD = """
CREATE FUNCTION without_accounts(state json) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_set(
        state::jsonb,
        '{settlement_parties}',
        state::jsonb -> 'settlement_parties'
            || '{"safekeeping_account": "", "cash_account": "", "counterparty_account": ""}'
    )
$$
"""
# A version's accounts may be encrypted, under one key after another; what it says, nobody changes.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change_but_encrypted_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed CONSTANT text[] := ARRAY['state', 'accounts'];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - sealed = to_jsonb(OLD) - sealed
            AND NEW.accounts LIKE 'enc1:%' AND NEW.state::jsonb = without_accounts(OLD.state) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: record a new version instead', TG_TABLE_NAME;
END $$
"""
NO_GUARD = "DROP TRIGGER append_only ON trade_version"
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON trade_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_encrypted_accounts()
"""


def upgrade() -> None:
    op.execute("ALTER TABLE trade_version ADD COLUMN accounts text")
    for statement in (WITHHELD, REFUSE_CHANGE, NO_GUARD, GUARD):
        op.execute(statement)
    secrecy.write_in_clear(op)
