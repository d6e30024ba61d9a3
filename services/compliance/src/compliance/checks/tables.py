"""Tables of the trades that were judged, the decisions, and the positions they add up to."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON, JSONB

from compliance.metadata import metadata

_ID = Uuid(as_uuid=False)

trade = Table(
    "trade",
    metadata,
    Column("trade_id", _ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("fingerprint", BigInteger, nullable=False),
    Column("contribution", JSONB, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("status", Text),
    Column("decision_id", _ID),
    Column("decision_version", Integer, nullable=False),
    Column("case_id", _ID),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", _ID, primary_key=True),
    Column("trade_id", _ID, nullable=False),
    Column("trade_version", Integer, nullable=False),
    Column("decision_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("inputs", JSON),
    Column("book", Text, comment="of the trade, NULL in decisions of people and in old ones"),
    Column("rules_version", Integer, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("case_id", _ID),
)

waiting = Table(
    "waiting",
    metadata,
    Column("trade_id", _ID, primary_key=True),
    Column("trade", JSONB, nullable=False),
    Column("missing", JSONB, nullable=False),
    Column("deadline", DateTime(timezone=True), nullable=False),
)

position = Table(
    "position",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("isin", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("quantity", Numeric, nullable=False),
    Column("price", Numeric, nullable=False),
)

exposure = Table(
    "exposure",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("gross", Numeric, nullable=False),
)
