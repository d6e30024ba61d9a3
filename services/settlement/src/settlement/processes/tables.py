"""Table `settlement`: one row for each trade."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from backoffice_chassis.secrecy.accounts import AccountsOfTrade
from backoffice_chassis.secrecy.sealed import Sealed
from settlement.metadata import metadata
from settlement.processes.domain import OPEN_STATES

_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)

settlement = Table(
    "settlement",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False, comment="of this row"),
    Column("state", Text, nullable=False),
    Column(
        "trade_version",
        Integer,
        nullable=False,
        server_default="0",
        comment="0 until the trade itself was seen",
    ),
    Column("cancelled", Boolean, nullable=False, server_default="false"),
    Column("terms", Text, comment="current version of the trade, JSON as the event carried it"),
    Column("accounts", Text, comment="those of the terms, encrypted; without it they stand in the terms"),
    Column("source_system", Text),
    Column("trade_reference", Text),
    Column("side", Text),
    Column("isin", Text),
    Column("instrument_type", Text),
    Column("currency", Text),
    Column("quantity", Numeric),
    Column("amount", Numeric, comment="net amount that changes hands"),
    Column("trade_date", Date),
    Column("settlement_date", Date),
    Column("settlement_calendar", Text),
    Column("book", Text),
    Column("entity_lei", Text),
    Column("counterparty_lei", Text),
    Column("confirmed_trade_version", Integer, nullable=False, server_default="0"),
    Column("confirmation_version", Integer, nullable=False, server_default="0"),
    Column("confirmed", Boolean, nullable=False, server_default="false"),
    Column("decision_trade_version", Integer, nullable=False, server_default="0"),
    Column("decision_version", Integer, nullable=False, server_default="0"),
    Column("decision", Text),
    Column("instruction_id", Text, comment="the last instruction sent"),
    Column(
        "sequence",
        Integer,
        nullable=False,
        server_default="0",
        comment="events published of this trade's settlement",
    ),
    Column(
        "late",
        Boolean,
        nullable=False,
        server_default="false",
        comment="settlement date came and the trade was not instructed",
    ),
    Column("inexpressible", Text, comment="why the terms fit into no instruction"),
    Column(
        "raised",
        JSONB,
        nullable=False,
        server_default="{}",
        comment="conditions before a person: kind to cause",
    ),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index(
        "settlement_due",
        "settlement_calendar",
        "settlement_date",
        postgresql_where=text(f"state IN ({_OPEN})"),
    ),
)

SEALED = Sealed(settlement, ("terms",), apart={"terms": "accounts"}, parts={"terms": AccountsOfTrade()})
"""The accounts of a trade rest encrypted."""
