"""Confirmations of a business day that the service has not heard of yet wait, and what came behind them."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE early_advice (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    instruction_id TEXT NOT NULL,
    effective_date DATE,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    record_key BYTEA,
    value BYTEA,
    headers BYTEA NOT NULL,
    kept_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (seq)
)
"""
INDEX = "CREATE INDEX early_advice_instruction ON early_advice (instruction_id, seq)"
COMMENT = (
    "COMMENT ON COLUMN early_advice.effective_date IS"
    " 'the business day that it waits for; empty: it waits for those before it alone'"
)


def upgrade() -> None:
    for statement in (TABLE, INDEX, COMMENT):
        op.execute(statement)
