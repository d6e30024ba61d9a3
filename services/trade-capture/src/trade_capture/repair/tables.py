"""Tables of the repair queue."""

from sqlalchemy import Column, Date, DateTime, Integer, LargeBinary, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from trade_capture.metadata import metadata
from trade_capture.trades.tables import origin_columns

_Instant = DateTime(timezone=True)

# original: the bytes as they came. current: as last edited. trade_date, currency, value: as far as it states them.
# business_date: the firm's when it came.
repair_entry = Table(
    "repair_entry",
    metadata,
    Column("repair_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_system", Text, nullable=False),
    Column("trade_reference", Text, nullable=False),
    Column("source_version", Integer),
    Column("event_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("current", LargeBinary, nullable=False),
    Column("trade_date", Date),
    Column("business_date", Date),
    Column("currency", Text),
    Column("value", Numeric),
    Column("trade_id", Uuid(as_uuid=False)),
    Column("version", Integer, nullable=False),
    Column("received_at", _Instant, nullable=False),
    Column("updated_at", _Instant, nullable=False),
    *origin_columns(),
)

# Append-only: each step with who took it and what stood then.
repair_step = Table(
    "repair_step",
    metadata,
    Column("repair_id", Uuid(as_uuid=False), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("action", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("comment", Text),
    Column("payload", LargeBinary),
    Column("reasons", JSONB, nullable=False),
    Column("recorded_at", _Instant, nullable=False),
)
