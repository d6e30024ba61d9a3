"""Tables of the cases and of every step taken on them."""

from sqlalchemy import Column, DateTime, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from compliance.metadata import metadata

_ID = Uuid(as_uuid=False)

compliance_case = Table(
    "compliance_case",
    metadata,
    Column("case_id", _ID, primary_key=True),
    Column("trade_id", _ID, nullable=False),
    Column("trade_version", Integer, nullable=False),
    Column("decision_id", _ID, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("assigned_to", Text),
    Column("proposal", Text),
    Column("proposed_by", Text),
    Column("decided_by", Text),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
)

case_step = Table(
    "case_step",
    metadata,
    Column("case_id", _ID, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("action", Text, nullable=False),
    Column("actor", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("reason", Text),
)
