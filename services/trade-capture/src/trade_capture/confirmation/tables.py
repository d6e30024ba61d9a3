"""Tables of confirmations, of what matching them led to, and of the tolerances they are matched with."""

from sqlalchemy import Column, Date, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from trade_capture.metadata import metadata

_Number = Numeric
_Instant = DateTime(timezone=True)

# Append-only: every content that came under a version. fingerprint tells contents apart.
confirmation = Table(
    "confirmation",
    metadata,
    Column("confirmation_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_system", Text, nullable=False),
    Column("trade_reference", Text, nullable=False),
    Column("counterparty_lei", Text, nullable=False),
    Column("confirmation_reference", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("quantity", _Number, nullable=False),
    Column("price", _Number, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net_amount", _Number, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("settlement_date", Date, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("received_at", _Instant, nullable=False),
)

# Append-only: each time that the outcome for a trade changed.
confirmation_outcome = Table(
    "confirmation_outcome",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("outcome_id", Uuid(as_uuid=False), primary_key=True),
    Column("trade_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("confirmation_id", Uuid(as_uuid=False)),
    Column("confirmation_reference", Text),
    Column("confirmation_version", Integer),
    Column("differences", JSONB, nullable=False),
    Column("accepted_by", Text),
    Column("recorded_at", _Instant, nullable=False),
)

# Append-only. standing: ids of the confirmations that stood when somebody accepted one of them.
confirmation_acceptance = Table(
    "confirmation_acceptance",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("acceptance_id", Uuid(as_uuid=False), primary_key=True),
    Column("trade_version", Integer, nullable=False),
    Column("confirmation_id", Uuid(as_uuid=False), nullable=False),
    Column("standing", JSONB, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", _Instant, nullable=False),
)

# Append-only. counterparty_lei: null for the general one. Of two with one date the later recorded holds.
tolerance = Table(
    "tolerance",
    metadata,
    Column("tolerance_id", Uuid(as_uuid=False), primary_key=True),
    Column("counterparty_lei", Text),
    Column("field", Text, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("rule", Text, nullable=False),
    Column("percentage", _Number),
    Column("minimum", _Number),
    Column("maximum", _Number),
    Column("units", _Number),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", _Instant, nullable=False),
)
