"""Table `early_advice`: advices that wait for a business day, and what came behind them, in order."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Index, Table, Text

from backoffice_events.messaging.tables import kept_record_columns
from settlement.metadata import metadata

early_advice = Table(
    "early_advice",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("instruction_id", Text, nullable=False),
    Column(
        "effective_date",
        Date,
        comment="the business day that it waits for; empty: it waits for those before it alone",
    ),
    *kept_record_columns(),
    Column("kept_at", DateTime(timezone=True), nullable=False),
    Index("early_advice_instruction", "instruction_id", "seq"),
)
