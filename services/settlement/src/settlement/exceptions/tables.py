"""Tables `settlement_exception` and `exception_event`: the work queue, and what was done about each."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Index, Integer, Table, Text, Uuid, text

from settlement.metadata import metadata

settlement_exception = Table(
    "settlement_exception",
    metadata,
    Column("exception_id", Uuid(as_uuid=False), primary_key=True),
    Column("trade_id", Uuid(as_uuid=False), nullable=False),
    Column("instruction_id", Text),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False, comment="OPEN, RESOLVED by a person or CLOSED by the state"),
    Column("owner", Text),
    Column("settlement_calendar", Text),
    Column("settlement_date", Date),
    Column("version", Integer, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    # One exception of a kind is open per trade, however often its condition is found again.
    Index(
        "settlement_exception_open", "trade_id", "kind", unique=True, postgresql_where=text("status = 'OPEN'")
    ),
    Index("settlement_exception_trade", "trade_id"),
)

exception_event = Table(
    "exception_event",
    metadata,
    Column("exception_event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("exception_id", Uuid(as_uuid=False), nullable=False),
    Column("action", Text, nullable=False, comment="OPENED, RESTATED, ASSIGNED, RESOLVED or CLOSED"),
    Column("actor", Text, comment="who did it; empty when the platform did"),
    Column("owner", Text),
    Column("comment", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Index("exception_event_exception", "exception_id"),
)
