"""Trades, the repair queue, and confirmations."""

from alembic import op

revision = "0002"
down_revision = "0001"

ORIGIN = "topic text, partition integer, record_offset bigint, event_id text, submitted_by text"

TRADE = """
CREATE TABLE trade (
    trade_id uuid PRIMARY KEY,
    source_system text NOT NULL,
    trade_reference text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    source_version integer NOT NULL CHECK (source_version > 0),
    status text NOT NULL CHECK (status IN ('CAPTURED', 'CANCELLED')),
    repaired boolean NOT NULL,
    side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
    isin text NOT NULL,
    mic text NOT NULL,
    instrument_type text NOT NULL,
    quantity numeric NOT NULL CHECK (quantity > 0),
    price numeric NOT NULL CHECK (price > 0),
    currency text NOT NULL,
    gross_amount numeric NOT NULL,
    net_amount numeric NOT NULL,
    trade_date date NOT NULL,
    settlement_date date NOT NULL CHECK (settlement_date >= trade_date),
    settlement_calendar text NOT NULL,
    book text NOT NULL,
    trader text NOT NULL,
    counterparty_lei text NOT NULL,
    captured_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    confirmation_status text NOT NULL CHECK (confirmation_status IN ('UNCONFIRMED', 'CONFIRMED', 'MISMATCHED')),
    confirmation_reference text,
    confirmation_version integer,
    differences jsonb,
    accepted_by text,
    UNIQUE (source_system, trade_reference)
) WITH (fillfactor = 85)
"""
# The free space lets a confirmation update its trade within the page, without touching an index.

# trade_version and confirmation_outcome carry no foreign key: their rows are written with the trade's, by the thousand.

# Trades arrive in the order of their dates, so a block range index costs next to nothing and finds a range of days.
TRADE_DATE = "CREATE INDEX trade_trade_date ON trade USING brin (trade_date) WITH (pages_per_range = 16)"

TRADE_VERSION = f"""
CREATE TABLE trade_version (
    trade_id uuid NOT NULL,
    source_version integer NOT NULL,
    version integer NOT NULL,
    change text NOT NULL CHECK (change IN ('CAPTURED', 'AMENDED', 'CANCELLED', 'UNCHANGED')),
    reason text,
    event_type text NOT NULL,
    statement json NOT NULL,
    state json NOT NULL,
    repair_id uuid,
    recorded_at timestamptz NOT NULL,
    {ORIGIN},
    PRIMARY KEY (trade_id, source_version)
)
"""

TRADE_RESEND = f"""
CREATE TABLE trade_resend (
    resend_id uuid PRIMARY KEY,
    source_system text NOT NULL,
    trade_reference text NOT NULL,
    source_version integer,
    received_at timestamptz NOT NULL,
    {ORIGIN}
)
"""

REPAIR_ENTRY = f"""
CREATE TABLE repair_entry (
    repair_id uuid PRIMARY KEY,
    source_system text NOT NULL,
    trade_reference text NOT NULL,
    source_version integer,
    event_type text NOT NULL,
    status text NOT NULL CHECK (status IN ('OPEN', 'WAITING', 'RESOLVED', 'REJECTED')),
    reasons jsonb NOT NULL,
    original bytea NOT NULL,
    current bytea NOT NULL,
    trade_date date,
    currency text,
    value numeric,
    trade_id uuid,
    version integer NOT NULL CHECK (version > 0),
    received_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    {ORIGIN}
)
"""

REPAIR_STEP = """
CREATE TABLE repair_step (
    repair_id uuid NOT NULL REFERENCES repair_entry,
    step integer NOT NULL CHECK (step > 0),
    action text NOT NULL CHECK (action IN ('RECEIVED', 'RESUBMITTED', 'RETRIED', 'REJECTED')),
    status text NOT NULL,
    actor text NOT NULL,
    comment text,
    payload bytea,
    reasons jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (repair_id, step)
)
"""

CONFIRMATION = """
CREATE TABLE confirmation (
    confirmation_id uuid PRIMARY KEY,
    source_system text NOT NULL,
    trade_reference text NOT NULL,
    counterparty_lei text NOT NULL,
    confirmation_reference text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    fingerprint text NOT NULL,
    side text NOT NULL,
    isin text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    currency text NOT NULL,
    net_amount numeric NOT NULL,
    trade_date date NOT NULL,
    settlement_date date NOT NULL,
    event_id text NOT NULL,
    received_at timestamptz NOT NULL,
    UNIQUE (source_system, trade_reference, counterparty_lei, confirmation_reference, version, fingerprint)
)
"""

CONFIRMATION_OUTCOME = """
CREATE TABLE confirmation_outcome (
    trade_id uuid NOT NULL,
    outcome_id uuid NOT NULL,
    trade_version integer NOT NULL,
    status text NOT NULL,
    confirmation_id uuid,
    confirmation_reference text,
    confirmation_version integer,
    differences jsonb NOT NULL,
    accepted_by text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (trade_id, outcome_id)
)
"""

CONFIRMATION_ACCEPTANCE = """
CREATE TABLE confirmation_acceptance (
    trade_id uuid NOT NULL REFERENCES trade,
    acceptance_id uuid NOT NULL,
    trade_version integer NOT NULL,
    confirmation_id uuid NOT NULL REFERENCES confirmation,
    standing jsonb NOT NULL,
    accepted_by text NOT NULL,
    reason text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (trade_id, acceptance_id)
)
"""

TOLERANCE = """
CREATE TABLE tolerance (
    tolerance_id uuid PRIMARY KEY,
    counterparty_lei text,
    field text NOT NULL CHECK (field IN ('price', 'net_amount')),
    effective_from date NOT NULL,
    rule text NOT NULL CHECK (rule IN ('EXCT', 'PTOL', 'PTMX', 'MNMX', 'NUFM', 'CPOP')),
    percentage numeric CHECK (percentage >= 0),
    minimum numeric CHECK (minimum >= 0),
    maximum numeric CHECK (maximum >= 0),
    units numeric CHECK (units >= 0),
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL
)
"""

# Where the firm starts from: prices are quoted to four decimals, and amounts may be rounded differently along the way.
DEFAULT_TOLERANCES = """
INSERT INTO tolerance (tolerance_id, field, effective_from, rule, units, recorded_by, recorded_at) VALUES
    ('01900000-0000-7000-8000-000000000001', 'price', '2000-01-01', 'NUFM', 0.0001, 'installation', now()),
    ('01900000-0000-7000-8000-000000000002', 'net_amount', '2000-01-01', 'NUFM', 1, 'installation', now())
"""

APPEND_ONLY = (
    "trade_version",
    "trade_resend",
    "repair_step",
    "confirmation",
    "confirmation_outcome",
    "confirmation_acceptance",
    "tolerance",
)


def upgrade() -> None:
    for statement in (TRADE, TRADE_DATE, TRADE_VERSION, TRADE_RESEND):
        op.execute(statement)
    for statement in (REPAIR_ENTRY, REPAIR_STEP):
        op.execute(statement)
    op.execute("CREATE INDEX repair_entry_execution ON repair_entry (source_system, trade_reference)")
    op.execute(
        "CREATE INDEX repair_entry_unfinished ON repair_entry (repair_id) WHERE status IN ('OPEN', 'WAITING')"
    )
    for statement in (CONFIRMATION, CONFIRMATION_OUTCOME, CONFIRMATION_ACCEPTANCE, TOLERANCE):
        op.execute(statement)
    op.execute(DEFAULT_TOLERANCES)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
