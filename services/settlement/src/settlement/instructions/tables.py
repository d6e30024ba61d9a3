"""Tables `instruction` and `confirmation`: what the CSD was told, and each settlement it confirmed."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from settlement.metadata import metadata

instruction = Table(
    "instruction",
    metadata,
    Column("instruction_id", Text, primary_key=True, comment="account owner's transaction id at the CSD"),
    Column("trade_id", Uuid(as_uuid=False), nullable=False),
    Column("number", Integer, nullable=False, comment="1, 2, 3… per trade"),
    Column("trade_version", Integer, nullable=False),
    Column("side", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("instrument_type", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("entity_lei", Text, nullable=False),
    Column("counterparty_lei", Text, nullable=False),
    Column("settlement_calendar", Text, nullable=False),
    Column("settlement_date", Date, nullable=False, comment="intended"),
    Column("quantity", Numeric, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("settled_quantity", Numeric, nullable=False, server_default="0"),
    Column("settled_amount", Numeric, nullable=False, server_default="0"),
    Column("processing_status", Text),
    Column("processing_reason", Text),
    Column("processing_at", DateTime(timezone=True)),
    Column("matching_status", Text),
    Column("matching_reason", Text),
    Column("matching_at", DateTime(timezone=True)),
    Column("settlement_status", Text),
    Column("settlement_reason", Text),
    Column("settlement_at", DateTime(timezone=True)),
    Column("cancellation_status", Text),
    Column("cancellation_reason", Text),
    Column("failing", Boolean, nullable=False, server_default="false"),
    Column("failed_on", Date, comment="intended settlement date, once it ended unsettled"),
    Column("settled_on", Date, comment="effective date of the last part"),
    Column(
        "live",
        Boolean,
        nullable=False,
        server_default="true",
        comment="the CSD may still settle something of it",
    ),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("instructed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("trade_id", "number", name="instruction_number_key"),
    CheckConstraint(
        "settled_quantity >= 0 AND settled_quantity <= quantity"
        " AND settled_amount >= 0 AND settled_amount <= amount",
        name="instruction_not_over_settled",
    ),
    # Whatever the code does, one trade never has two instructions that could both settle.
    Index("instruction_one_live_per_trade", "trade_id", unique=True, postgresql_where=text("live")),
    Index("instruction_settlement_date", "settlement_date"),
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("instruction_id", Text, primary_key=True),
    Column("csd_reference", Text, primary_key=True),
    Column("settled_quantity", Numeric, nullable=False),
    Column("settled_amount", Numeric, nullable=False),
    Column("effective_date", Date, nullable=False),
    Column("confirmed_at", DateTime(timezone=True), nullable=False),
)
