"""Tables of trades: the current state of each, every version it ever had, and every resend."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON, JSONB

from backoffice_chassis.secrecy.accounts import AccountsOfTrade
from backoffice_chassis.secrecy.sealed import Sealed
from trade_capture.metadata import metadata

_Number = Numeric
_Instant = DateTime(timezone=True)


def origin_columns() -> tuple[Column[str] | Column[int], ...]:
    """Return the columns that say where a statement came from: a record on Kafka, or a person or program by API."""
    return (
        Column("topic", Text),
        Column("partition", Integer),
        Column("record_offset", BigInteger),
        Column("event_id", Text),
        Column("submitted_by", Text),
    )


# status: CAPTURED or CANCELLED. repaired: a person had to act before the trade could be taken in.
# confirmation_* and differences: the outcome of matching, for the current version.
trade = Table(
    "trade",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_system", Text, nullable=False),
    Column("trade_reference", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("source_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("repaired", Boolean, nullable=False),
    Column("side", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("mic", Text, nullable=False),
    Column("instrument_type", Text, nullable=False),
    Column("quantity", _Number, nullable=False),
    Column("price", _Number, nullable=False),
    Column("currency", Text, nullable=False),
    Column("gross_amount", _Number, nullable=False),
    Column("net_amount", _Number, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("settlement_date", Date, nullable=False),
    Column("settlement_calendar", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("trader", Text, nullable=False),
    Column("counterparty_lei", Text, nullable=False),
    Column("captured_at", _Instant, nullable=False),
    Column("updated_at", _Instant, nullable=False),
    Column("confirmation_status", Text, nullable=False),
    Column("confirmation_reference", Text),
    Column("confirmation_version", Integer),
    Column("differences", JSONB),
    Column("accepted_by", Text),
)

# One row for each of the front office's versions that was taken in. statement: its words. state: the trade they led to.
# accounts: those of the state, encrypted; without it they stand in the state.
trade_version = Table(
    "trade_version",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_version", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("change", Text, nullable=False),
    Column("reason", Text),
    Column("event_type", Text, nullable=False),
    Column("statement", JSON, nullable=False),
    Column("state", JSON, nullable=False),
    Column("repair_id", Uuid(as_uuid=False)),
    Column("recorded_at", _Instant, nullable=False),
    *origin_columns(),
    Column("accounts", Text),
)
SEALED_VERSIONS = Sealed(
    trade_version, ("state",), apart={"state": "accounts"}, parts={"state": AccountsOfTrade()}
)
"""The accounts of a trade rest encrypted."""

trade_resend = Table(
    "trade_resend",
    metadata,
    Column("resend_id", Uuid(as_uuid=False), primary_key=True),
    Column("source_system", Text, nullable=False),
    Column("trade_reference", Text, nullable=False),
    Column("source_version", Integer),
    Column("received_at", _Instant, nullable=False),
    *origin_columns(),
)
