"""What waits for a second person, and what became of it."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

from backoffice_chassis.secrecy.sealed import Sealed

metadata = MetaData()

approval = Table(
    "approval",
    metadata,
    Column("approval_id", Uuid(as_uuid=False), primary_key=True, comment="UUIDv7: by time"),
    Column("kind", Text, nullable=False),
    Column("object_id", Text, comment="what it is about; of one kind, one at a time may wait for a decision"),
    Column("terms", JSON, nullable=False, comment="what is carried out when it is approved"),
    Column("reason", Text, comment="why it was proposed"),
    Column("status", Text, nullable=False),
    Column("proposed_by", Text, nullable=False, comment="the person: sub of the token"),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    CheckConstraint(
        "status IN ('PROPOSED', 'APPROVED', 'REJECTED', 'WITHDRAWN', 'EXPIRED')", name="approval_status"
    ),
    CheckConstraint(
        "status NOT IN ('APPROVED', 'REJECTED') OR decided_by <> proposed_by", name="approval_four_eyes"
    ),
    CheckConstraint(
        "status NOT IN ('APPROVED', 'REJECTED') OR decided_by IS NOT NULL", name="approval_decider"
    ),
    CheckConstraint("(status = 'PROPOSED') = (decided_at IS NULL)", name="approval_decided_in_whole"),
    Index(
        "approval_one_waits",
        "kind",
        "object_id",
        unique=True,
        postgresql_where=text("status = 'PROPOSED'"),
    ),
    Index("approval_expiry", "expires_at", postgresql_where=text("status = 'PROPOSED'")),
)

SEALED_TERMS = Sealed(approval, ("terms",))
"""Terms may hold anything that two people decide on, bank data too."""

approval_step = Table(
    "approval_step",
    metadata,
    Column("approval_id", Uuid(as_uuid=False), ForeignKey("approval.approval_id"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("actor", Text, comment="null: the deadline passed"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("reason", Text),
)
