"""Settlements, instructions, their history, exceptions and business days."""

from alembic import op

from backoffice_chassis import migrations
from backoffice_events.messaging import schema

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE business_day (
    calendar TEXT NOT NULL,
    business_date DATE NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (calendar, business_date)
);
COMMENT ON COLUMN business_day.version IS 'of the calendar''s day; the highest is where it stands';
CREATE TABLE confirmation (
    instruction_id TEXT NOT NULL,
    csd_reference TEXT NOT NULL,
    settled_quantity NUMERIC NOT NULL,
    settled_amount NUMERIC NOT NULL,
    effective_date DATE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (instruction_id, csd_reference)
);
CREATE TABLE exception_event (
    exception_event_id BIGINT GENERATED ALWAYS AS IDENTITY,
    exception_id UUID NOT NULL,
    action TEXT NOT NULL,
    actor TEXT,
    owner TEXT,
    comment TEXT,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (exception_event_id)
);
CREATE INDEX exception_event_exception ON exception_event (exception_id);
COMMENT ON COLUMN exception_event.action IS 'OPENED, RESTATED, ASSIGNED, RESOLVED or CLOSED';
COMMENT ON COLUMN exception_event.actor IS 'who did it; empty when the platform did';
CREATE TABLE instruction (
    instruction_id TEXT NOT NULL,
    trade_id UUID NOT NULL,
    number INTEGER NOT NULL,
    trade_version INTEGER NOT NULL,
    side TEXT NOT NULL,
    isin TEXT NOT NULL,
    instrument_type TEXT NOT NULL,
    currency TEXT NOT NULL,
    book TEXT NOT NULL,
    entity_lei TEXT NOT NULL,
    counterparty_lei TEXT NOT NULL,
    settlement_calendar TEXT NOT NULL,
    settlement_date DATE NOT NULL,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    settled_quantity NUMERIC DEFAULT '0' NOT NULL,
    settled_amount NUMERIC DEFAULT '0' NOT NULL,
    processing_status TEXT,
    processing_reason TEXT,
    processing_at TIMESTAMP WITH TIME ZONE,
    matching_status TEXT,
    matching_reason TEXT,
    matching_at TIMESTAMP WITH TIME ZONE,
    settlement_status TEXT,
    settlement_reason TEXT,
    settlement_at TIMESTAMP WITH TIME ZONE,
    cancellation_status TEXT,
    cancellation_reason TEXT,
    failing BOOLEAN DEFAULT 'false' NOT NULL,
    failed_on DATE,
    settled_on DATE,
    live BOOLEAN DEFAULT 'true' NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    instructed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (instruction_id),
    CONSTRAINT instruction_number_key UNIQUE (trade_id, number),
    CONSTRAINT instruction_not_over_settled CHECK (settled_quantity >= 0 AND settled_quantity <= quantity
        AND settled_amount >= 0 AND settled_amount <= amount)
);
CREATE UNIQUE INDEX instruction_one_live_per_trade ON instruction (trade_id) WHERE live;
CREATE INDEX instruction_settlement_date ON instruction (settlement_date);
COMMENT ON COLUMN instruction.instruction_id IS 'account owner''s transaction id at the CSD';
COMMENT ON COLUMN instruction.number IS '1, 2, 3… per trade';
COMMENT ON COLUMN instruction.settlement_date IS 'intended';
COMMENT ON COLUMN instruction.failed_on IS 'intended settlement date, once it ended unsettled';
COMMENT ON COLUMN instruction.settled_on IS 'effective date of the last part';
COMMENT ON COLUMN instruction.live IS 'the CSD may still settle something of it';
CREATE TABLE settlement (
    trade_id UUID NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    trade_version INTEGER DEFAULT '0' NOT NULL,
    cancelled BOOLEAN DEFAULT 'false' NOT NULL,
    terms TEXT,
    source_system TEXT,
    trade_reference TEXT,
    side TEXT,
    isin TEXT,
    instrument_type TEXT,
    currency TEXT,
    quantity NUMERIC,
    amount NUMERIC,
    trade_date DATE,
    settlement_date DATE,
    settlement_calendar TEXT,
    book TEXT,
    entity_lei TEXT,
    counterparty_lei TEXT,
    confirmed_trade_version INTEGER DEFAULT '0' NOT NULL,
    confirmation_version INTEGER DEFAULT '0' NOT NULL,
    confirmed BOOLEAN DEFAULT 'false' NOT NULL,
    decision_trade_version INTEGER DEFAULT '0' NOT NULL,
    decision_version INTEGER DEFAULT '0' NOT NULL,
    decision TEXT,
    instruction_id TEXT,
    sequence INTEGER DEFAULT '0' NOT NULL,
    late BOOLEAN DEFAULT 'false' NOT NULL,
    inexpressible TEXT,
    raised JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (trade_id)
);
CREATE INDEX settlement_due ON settlement (settlement_calendar, settlement_date)
    WHERE state IN ('AWAITING_INSTRUCTION', 'INSTRUCTED', 'PARTIALLY_SETTLED', 'REJECTED');
COMMENT ON COLUMN settlement.version IS 'of this row';
COMMENT ON COLUMN settlement.trade_version IS '0 until the trade itself was seen';
COMMENT ON COLUMN settlement.terms IS 'current version of the trade, JSON as the event carried it';
COMMENT ON COLUMN settlement.amount IS 'net amount that changes hands';
COMMENT ON COLUMN settlement.instruction_id IS 'the last instruction sent';
COMMENT ON COLUMN settlement.sequence IS 'events published of this trade''s settlement';
COMMENT ON COLUMN settlement.late IS 'settlement date came and the trade was not instructed';
COMMENT ON COLUMN settlement.inexpressible IS 'why the terms fit into no instruction';
COMMENT ON COLUMN settlement.raised IS 'conditions before a person: kind to cause';
CREATE TABLE settlement_exception (
    exception_id UUID NOT NULL,
    trade_id UUID NOT NULL,
    instruction_id TEXT,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    owner TEXT,
    settlement_calendar TEXT,
    settlement_date DATE,
    version INTEGER NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (exception_id)
);
CREATE UNIQUE INDEX settlement_exception_open ON settlement_exception (trade_id, kind) WHERE status = 'OPEN';
CREATE INDEX settlement_exception_trade ON settlement_exception (trade_id);
COMMENT ON COLUMN settlement_exception.status IS 'OPEN, RESOLVED by a person or CLOSED by the state';
CREATE TABLE status_event (
    status_event_id BIGINT GENERATED ALWAYS AS IDENTITY,
    trade_id UUID NOT NULL,
    instruction_id TEXT,
    kind TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    event_id UUID,
    details JSONB NOT NULL,
    document BYTEA,
    PRIMARY KEY (status_event_id)
);
CREATE INDEX status_event_trade ON status_event (trade_id, status_event_id);
COMMENT ON COLUMN status_event.occurred_at IS 'sender''s time of its event, else ours';
COMMENT ON COLUMN status_event.event_id IS 'CloudEvents id of the event that said so';
COMMENT ON COLUMN status_event.document IS 'ISO 20022 message, byte for byte';
"""

APPEND_ONLY = ("status_event", "exception_event", "confirmation")

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: add a row that corrects the other', TG_TABLE_NAME;
END $$
"""


def upgrade() -> None:
    migrations.upgrade_0001(op)
    schema.upgrade_0001(op)
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
