"""The stock record: append-only movements, and the positions that the database keeps of them."""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, Numeric, Table, Text, Uuid

from ledger.metadata import metadata

stock_movement: Final = Table(
    "stock_movement",
    metadata,
    Column("journal_id", Uuid(as_uuid=False), primary_key=True),
    Column("book", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("trade_date_quantity", Numeric, nullable=False),
    Column("settled_quantity", Numeric, nullable=False),
    Column("unsettled_quantity", Numeric, nullable=False),
    Column("failing_quantity", Numeric, nullable=False),
)

position_balance: Final = Table(
    "position_balance",
    metadata,
    Column("posting_date", Date, primary_key=True),
    Column("book", Text, primary_key=True),
    Column("isin", Text, primary_key=True),
    Column("trade_date_quantity", Numeric, nullable=False),
    Column("settled_quantity", Numeric, nullable=False),
    Column("unsettled_quantity", Numeric, nullable=False),
    Column("failing_quantity", Numeric, nullable=False),
    Column("movements", BigInteger, nullable=False),
)
