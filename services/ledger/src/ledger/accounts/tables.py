"""Accounts, and the balances that the database keeps of them."""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, Numeric, Table, Text

from ledger.metadata import metadata

account: Final = Table(
    "account",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("normal_side", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
)

account_status_change: Final = Table(
    "account_status_change",
    metadata,
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

account_balance: Final = Table(
    "account_balance",
    metadata,
    Column("posting_date", Date, primary_key=True),
    Column("account_code", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("book", Text, primary_key=True),
    Column("debit", Numeric, nullable=False),
    Column("credit", Numeric, nullable=False),
    Column("lines", BigInteger, nullable=False),
)
