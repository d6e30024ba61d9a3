"""Tables of the proposed changes to the rules, and of what they say."""

from sqlalchemy import Boolean, Column, Date, DateTime, ForeignKey, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from compliance.metadata import metadata

_ID = Uuid(as_uuid=False)

rule_change = Table(
    "rule_change",
    metadata,
    Column("change_id", _ID, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decision_reason", Text),
    Column("approval", Integer, unique=True),
)

rule = Table(
    "rule",
    metadata,
    Column("rule_id", _ID, primary_key=True),
    Column("change_id", _ID, ForeignKey("rule_change.change_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("active", Boolean, nullable=False),
    Column("terms", JSONB, nullable=False),
)
