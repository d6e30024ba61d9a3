"""The trades judged, the decisions on them, and what they stood on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from backoffice_chassis import migrations as chassis
from backoffice_events.messaging import schema as messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("decision", "case_step", "rule", "sanctions_list", "sanctions_entry", "screening")


def upgrade() -> None:
    messaging.upgrade_0001(op)
    chassis.upgrade_0001(op)
    _reference()
    _screening()
    _rules()
    _trades()
    _cases()
    _refuse_changes_to_history()


def _reference() -> None:
    op.create_table(
        "instrument",
        sa.Column("isin", sa.Text, primary_key=True),
        sa.Column("mic", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("instrument_type", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reference_price", sa.Numeric),
        sa.Column("price_date", sa.Date),
    )
    op.create_table(
        "employee",
        sa.Column("employee_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("record", JSONB, nullable=False),
    )


def _screening() -> None:
    op.create_table(
        "sanctions_list",
        sa.Column("list_id", sa.Uuid, primary_key=True),
        sa.Column("list_kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("names", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("removed", sa.Integer, nullable=False),
        sa.Column("loaded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("loaded_by", sa.Text, nullable=False),
        sa.UniqueConstraint("list_kind", "version"),
    )
    op.create_table(
        "sanctions_entry",
        sa.Column("list_id", sa.Uuid, sa.ForeignKey("sanctions_list.list_id"), primary_key=True),
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("entry", JSONB, nullable=False),
    )
    op.create_table(
        "screening",
        sa.Column("screening_id", sa.Uuid, primary_key=True),
        sa.Column("lei", sa.Text, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.Column("top_score", sa.Numeric, nullable=False),
        sa.Column("screened_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("screening_lei", "screening", ["lei"])
    op.create_table(
        "counterparty",
        sa.Column("lei", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bic", sa.Text, nullable=False),
        sa.Column("country", sa.Text),
        sa.Column("screening_id", sa.Uuid, sa.ForeignKey("screening.screening_id")),
        sa.Column("screened_as", sa.Text),
    )


def _rules() -> None:
    op.create_table(
        "rule_change",
        sa.Column("change_id", sa.Uuid, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("decision_reason", sa.Text),
        sa.Column("approval", sa.Integer, unique=True),
        sa.CheckConstraint("status IN ('PROPOSED', 'APPROVED', 'REJECTED')", name="rule_change_status"),
        sa.CheckConstraint("decided_by <> proposed_by", name="rule_change_four_eyes"),
        sa.CheckConstraint("(status = 'PROPOSED') = (decided_by IS NULL)", name="rule_change_decided"),
        sa.CheckConstraint("(status = 'APPROVED') = (approval IS NOT NULL)", name="rule_change_approved"),
    )
    op.create_table(
        "rule",
        sa.Column("rule_id", sa.Uuid, primary_key=True),
        sa.Column("change_id", sa.Uuid, sa.ForeignKey("rule_change.change_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("terms", JSONB, nullable=False),
        sa.CheckConstraint("valid_to >= valid_from", name="rule_dates"),
    )
    op.create_index("rule_change_id", "rule", ["change_id"])


def _trades() -> None:
    op.create_table(
        "trade",
        sa.Column("trade_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.BigInteger, nullable=False),
        sa.Column("contribution", JSONB, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("decision_id", sa.Uuid),
        sa.Column("decision_version", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Uuid),
    )
    op.create_index("trade_fingerprint", "trade", ["fingerprint"])
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Uuid, primary_key=True),
        sa.Column("trade_id", sa.Uuid, nullable=False),
        sa.Column("trade_version", sa.Integer, nullable=False),
        sa.Column("decision_version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reasons", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("inputs", JSONB),
        sa.Column("rules_version", sa.Integer, nullable=False),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("case_id", sa.Uuid),
        sa.UniqueConstraint("trade_id", "decision_version"),
        sa.CheckConstraint("status IN ('CLEARED', 'HELD', 'BLOCKED')", name="decision_status"),
    )
    op.create_table(
        "waiting",
        sa.Column("trade_id", sa.Uuid, primary_key=True),
        sa.Column("trade", JSONB, nullable=False),
        sa.Column("missing", JSONB, nullable=False),
        sa.Column("deadline", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_table(
        "position",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("isin", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("price", sa.Numeric, nullable=False),
    )
    op.create_table(
        "exposure",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("gross", sa.Numeric, nullable=False),
    )


def _cases() -> None:
    op.create_table(
        "compliance_case",
        sa.Column("case_id", sa.Uuid, primary_key=True),
        sa.Column("trade_id", sa.Uuid, nullable=False),
        sa.Column("trade_version", sa.Integer, nullable=False),
        sa.Column("decision_id", sa.Uuid, sa.ForeignKey("decision.decision_id"), nullable=False),
        sa.Column("reasons", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("assigned_to", sa.Text),
        sa.Column("proposal", sa.Text),
        sa.Column("proposed_by", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("opened_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("decided_by <> proposed_by", name="case_four_eyes"),
        sa.CheckConstraint(
            "status NOT IN ('RELEASED', 'BLOCKED') OR (proposed_by IS NOT NULL AND decided_by IS NOT NULL)",
            name="case_decided_by_two",
        ),
        sa.CheckConstraint(
            "status IN ('OPEN', 'PROPOSED', 'RELEASED', 'BLOCKED', 'SUPERSEDED', 'CANCELLED')",
            name="case_status",
        ),
        sa.CheckConstraint(
            "(status IN ('OPEN', 'PROPOSED')) = (closed_at IS NULL)", name="case_closed_when_final"
        ),
    )
    op.create_index("case_trade", "compliance_case", ["trade_id"])
    op.create_table(
        "case_step",
        sa.Column("case_id", sa.Uuid, sa.ForeignKey("compliance_case.case_id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reason", sa.Text),
    )


def _refuse_changes_to_history() -> None:
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: add a row that corrects it', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
