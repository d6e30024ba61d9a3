"""Tables of the reference data: for each kind its current state, and every version it ever had."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from backoffice_chassis.secrecy.sealed import Sealed
from trade_capture.metadata import metadata

# Of what: who, when, and the place in the order of all changes of its kind, by which caches catch up.
_RECORDED = (
    ("version", Integer),
    ("revision", BigInteger),
    ("recorded_at", DateTime(timezone=True)),
    ("recorded_by", Text),
)


def _table(name: str, *columns: tuple[str, Any], key: tuple[str, ...]) -> Table:
    made = [
        Column(column, kind, primary_key=column in key, nullable=column in _NULLABLE)
        for column, kind in (*columns, *_RECORDED)
    ]
    return Table(name, metadata, *made)


_NULLABLE = frozenset({"reference_price", "price_date", "country"})

_INSTRUMENT = (
    ("isin", Text),
    ("mic", Text),
    ("name", Text),
    ("cfi", Text),
    ("instrument_type", Text),
    ("currency", Text),
    ("active", Boolean),
    ("reference_price", Numeric(28, 10)),
    ("price_date", Date),
)
instrument = _table("instrument", *_INSTRUMENT, key=("isin", "mic"))
instrument_version = _table("instrument_version", *_INSTRUMENT, key=("isin", "mic", "version"))

_COUNTERPARTY = (("lei", Text), ("name", Text), ("bic", Text), ("country", Text), ("active", Boolean))
counterparty = _table("counterparty", *_COUNTERPARTY, key=("lei",))
counterparty_version = _table("counterparty_version", *_COUNTERPARTY, key=("lei", "version"))

_BOOK = (("book", Text), ("name", Text), ("entity_lei", Text), ("measurement", Text), ("active", Boolean))
book = _table("book", *_BOOK, key=("book",))
book_version = _table("book_version", *_BOOK, key=("book", "version"))

_SETTLEMENT_INSTRUCTION = (
    ("party", Text),
    ("place_of_settlement", Text),
    ("currency", Text),
    ("agent_bic", Text),
    ("safekeeping_account", Text),
    ("cash_account", Text),
    ("effective_from", Date),
    ("active", Boolean),
)
_SETTLEMENT_INSTRUCTION_KEY = ("party", "place_of_settlement", "currency")
settlement_instruction = _table(
    "settlement_instruction", *_SETTLEMENT_INSTRUCTION, key=_SETTLEMENT_INSTRUCTION_KEY
)
settlement_instruction_version = _table(
    "settlement_instruction_version", *_SETTLEMENT_INSTRUCTION, key=(*_SETTLEMENT_INSTRUCTION_KEY, "version")
)

# What changes of instructions waited in before approvals were one mechanism. Nothing reads it any more.
settlement_instruction_proposal = Table(
    "settlement_instruction_proposal",
    metadata,
    Column("proposal_id", Uuid(as_uuid=False), primary_key=True),
    Column("safekeeping_account", Text, nullable=False),
    Column("cash_account", Text, nullable=False),
)

_ACCOUNTS = ("safekeeping_account", "cash_account")
SEALED = {
    table.name: Sealed(table, _ACCOUNTS)
    for table in (
        settlement_instruction,
        settlement_instruction_version,
        settlement_instruction_proposal,
    )
}
"""Tables whose account numbers rest encrypted."""

_SETTLEMENT_CYCLE = (
    ("mic", Text),
    ("instrument_type", Text),
    ("effective_from", Date),
    ("days", Integer),
    ("settlement_calendar", Text),
    ("place_of_settlement", Text),
)
_SETTLEMENT_CYCLE_KEY = ("mic", "instrument_type", "effective_from")
settlement_cycle = _table("settlement_cycle", *_SETTLEMENT_CYCLE, key=_SETTLEMENT_CYCLE_KEY)
settlement_cycle_version = _table(
    "settlement_cycle_version", *_SETTLEMENT_CYCLE, key=(*_SETTLEMENT_CYCLE_KEY, "version")
)

_CALENDAR = (
    ("calendar", Text),
    ("name", Text),
    ("valid_from", Date),
    ("valid_to", Date),
    ("closures", JSONB),
)
calendar = _table("calendar", *_CALENDAR, key=("calendar",))
calendar_version = _table("calendar_version", *_CALENDAR, key=("calendar", "version"))

_BUSINESS_DAY = (("calendar", Text), ("business_date", Date), ("status", Text))
business_day = _table("business_day", *_BUSINESS_DAY, key=("calendar",))
business_day_version = _table("business_day_version", *_BUSINESS_DAY, key=("calendar", "version"))

# Trade-capture's own copy of HR's events: which people the firm knows.
employee = Table(
    "employee",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

# One row for each kind: locked by whoever changes that kind, so that revisions rise in commit order.
reference_revision = Table(
    "reference_revision",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
