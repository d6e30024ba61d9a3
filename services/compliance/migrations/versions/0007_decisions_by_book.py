"""Decisions of some books are found by an index; and a decision's trade may lose its accounts, and nothing else.

Whoever is limited to books that trade little would otherwise have every decision read. The second index is of what
people decided, which names no book itself: a few rows.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = (
    "CREATE INDEX decision_book ON decision (json_extract_path_text(inputs, 'trade', 'book'), decision_id)",
    "CREATE INDEX decision_by_people ON decision (decision_id) WHERE inputs IS NULL",
)
# The release before kept the accounts of the trade: docs/operators.md says when they go.
WITHOUT_ACCOUNTS = """
CREATE FUNCTION without_accounts(inputs json) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_set(
        inputs::jsonb,
        '{trade,settlement_parties}',
        inputs::jsonb #> '{trade,settlement_parties}'
            || '{"safekeeping_account": "", "cash_account": "", "counterparty_account": ""}'
    )::json
$$
"""
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change_but_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'inputs' = to_jsonb(OLD) - 'inputs'
        AND NEW.inputs::jsonb = without_accounts(OLD.inputs)::jsonb THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: add a row that corrects it', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""
NO_GUARD = "DROP TRIGGER decision_append_only ON decision"
GUARD = """
CREATE TRIGGER decision_append_only BEFORE DELETE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
GUARD_OF_ROWS = """
CREATE TRIGGER decision_only_loses_accounts BEFORE UPDATE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_accounts()
"""


def upgrade() -> None:
    for statement in (*INDEXES, WITHOUT_ACCOUNTS, REFUSE_CHANGE, NO_GUARD, GUARD, GUARD_OF_ROWS):
        op.execute(statement)
