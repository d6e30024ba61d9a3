"""Table `status_event`: everything that happened to a settlement; the database refuses to change or delete a row."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON

from backoffice_chassis.secrecy.documents import AccountsOfDocument
from backoffice_chassis.secrecy.sealed import Sealed
from settlement.metadata import metadata

status_event = Table(
    "status_event",
    metadata,
    Column("trade_id", Uuid(as_uuid=False), primary_key=True),
    Column("status_event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("instruction_id", Text),
    Column("kind", Text, nullable=False),
    Column(
        "occurred_at",
        DateTime(timezone=True),
        nullable=False,
        comment="sender's time of its event, else ours",
    ),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("event_id", Uuid(as_uuid=False), comment="CloudEvents id of the event that said so"),
    Column("details", JSON, nullable=False),
    Column("document", LargeBinary, comment="ISO 20022 message, byte for byte but for the accounts in it"),
    Column("accounts", Text, comment="these, encrypted; empty: it names none"),
)

SEALED = Sealed(
    status_event,
    ("document",),
    apart={"document": "accounts"},
    parts={"document": AccountsOfDocument()},
    bound_to=("trade_id", "instruction_id", "kind"),
)
"""The accounts that a message names rest encrypted. A row's number is not known yet when they are."""
