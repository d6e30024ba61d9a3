"""Reference data, its history, the firm's business days, and the platform's messaging tables."""

from alembic import op

from backoffice_chassis import migrations as chassis
from backoffice_events.messaging import schema as messaging

revision = "0001"
down_revision = None

RECORDED = """
    version integer NOT NULL CHECK (version > 0),
    revision bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL
"""

# Table name -> (columns, key)
VERSIONED = {
    "instrument": (
        """
        isin text, mic text, name text NOT NULL, cfi text NOT NULL, instrument_type text NOT NULL,
        currency text NOT NULL, active boolean NOT NULL, reference_price numeric(28, 10), price_date date,
        """,
        "isin, mic",
    ),
    "counterparty": (
        "lei text, name text NOT NULL, bic text NOT NULL, country text, active boolean NOT NULL,",
        "lei",
    ),
    "book": (
        """
        book text, name text NOT NULL, entity_lei text NOT NULL, measurement text NOT NULL,
        active boolean NOT NULL,
        """,
        "book",
    ),
    "settlement_instruction": (
        """
        party text, place_of_settlement text, currency text, agent_bic text NOT NULL,
        safekeeping_account text NOT NULL, cash_account text NOT NULL, effective_from date NOT NULL,
        active boolean NOT NULL,
        """,
        "party, place_of_settlement, currency",
    ),
    "settlement_cycle": (
        """
        mic text, instrument_type text, effective_from date, days integer NOT NULL,
        settlement_calendar text NOT NULL, place_of_settlement text NOT NULL,
        """,
        "mic, instrument_type, effective_from",
    ),
    "calendar": (
        """
        calendar text, name text NOT NULL, valid_from date NOT NULL, valid_to date NOT NULL,
        closures jsonb NOT NULL,
        """,
        "calendar",
    ),
    "business_day": (
        """
        calendar text, business_date date NOT NULL,
        status text NOT NULL CHECK (status IN ('OPEN', 'CLOSED')),
        """,
        "calendar",
    ),
}

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: record a new version instead', TG_TABLE_NAME;
END $$
"""

PROPOSALS = """
CREATE TABLE settlement_instruction_proposal (
    proposal_id uuid PRIMARY KEY,
    party text NOT NULL, place_of_settlement text NOT NULL, currency text NOT NULL, agent_bic text NOT NULL,
    safekeeping_account text NOT NULL, cash_account text NOT NULL, effective_from date NOT NULL,
    active boolean NOT NULL, version integer NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED')),
    proposed_by text NOT NULL, proposed_at timestamptz NOT NULL,
    decided_by text, decided_at timestamptz, reason text,
    CONSTRAINT decided_by_a_second_person CHECK (status <> 'APPROVED' OR decided_by <> proposed_by),
    CONSTRAINT decided_in_whole CHECK ((status = 'PENDING') = (decided_by IS NULL AND decided_at IS NULL))
)
"""

ONE_PENDING_PROPOSAL = """
CREATE UNIQUE INDEX settlement_instruction_proposal_pending
    ON settlement_instruction_proposal (party, place_of_settlement, currency) WHERE status = 'PENDING'
"""

KINDS = (
    "instruments",
    "counterparties",
    "books",
    "settlement-instructions",
    "settlement-cycles",
    "calendars",
    "business-days",
    "employees",
)


def upgrade() -> None:
    messaging.upgrade_0001(op)
    chassis.upgrade_0001(op)
    op.execute(APPEND_ONLY)
    for name, (columns, key) in VERSIONED.items():
        _create_versioned(name, columns, key)
    op.execute(PROPOSALS)
    op.execute(ONE_PENDING_PROPOSAL)
    op.execute(
        "CREATE TABLE employee (employee_id text PRIMARY KEY, version integer NOT NULL, revision bigint NOT NULL)"
    )
    op.execute("CREATE INDEX employee_revision ON employee (revision)")
    op.execute("CREATE TABLE reference_revision (kind text PRIMARY KEY, revision bigint NOT NULL)")
    for kind in KINDS:
        op.execute(f"INSERT INTO reference_revision VALUES ('{kind}', 0)")  # noqa: S608 (constants above)


def _create_versioned(name: str, columns: str, key: str) -> None:
    op.execute(f"CREATE TABLE {name} ({columns} {RECORDED}, PRIMARY KEY ({key}))")
    op.execute(f"CREATE INDEX {name}_revision ON {name} (revision)")
    op.execute(f"CREATE TABLE {name}_version ({columns} {RECORDED}, PRIMARY KEY ({key}, version))")
    op.execute(f"CREATE INDEX {name}_version_revision ON {name}_version (revision)")
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {name}_version "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
