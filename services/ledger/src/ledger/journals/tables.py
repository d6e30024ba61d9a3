"""Journals and their lines: append-only, as the database itself enforces."""

from typing import Final

from sqlalchemy import Column, Date, DateTime, Integer, Numeric, SmallInteger, Table, Text, Uuid

from ledger.metadata import metadata

booked_trade: Final = Table(
    "booked_trade",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    comment="Every trade that the books know; its row lock puts the writers of one trade in line.",
)

journal: Final = Table(
    "journal",
    metadata,
    Column("journal_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_event_id", Uuid(as_uuid=False), nullable=False),
    Column("kind", Text, nullable=False),
    Column("trade_id", Uuid(as_uuid=False), nullable=False),
    Column("trade_version", Integer, nullable=False),
    Column("instruction_id", Text),
    Column("csd_reference", Text),
    Column("reverses_journal_id", Uuid(as_uuid=False)),
    Column("effective_date", Date, nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("settlement_calendar", Text, nullable=False),
    Column("entity_lei", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("line_count", SmallInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

journal_line: Final = Table(
    "journal_line",
    metadata,
    Column("journal_id", Uuid(as_uuid=False), primary_key=True),
    Column("line_number", SmallInteger, primary_key=True),
    Column("account_code", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Numeric, nullable=False, comment="debit positive, credit negative"),
    Column("posting_date", Date, nullable=False),
)
