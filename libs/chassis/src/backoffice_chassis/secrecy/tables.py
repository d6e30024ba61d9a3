"""Data keys, wrapped; and whether a release may still run that reads values in clear."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
)

metadata = MetaData()

data_key = Table(
    "data_key",
    metadata,
    Column("key_id", Uuid(as_uuid=False), primary_key=True),
    Column("subject", Text, comment="whose data alone it encrypts; null: the service's"),
    Column(
        "kek_version", Integer, nullable=False, comment="version of the operator's key that wrapped it last"
    ),
    Column("wrapped", LargeBinary, comment="null: destroyed"),
    Column(
        "generation", Integer, nullable=False, comment="the highest one encrypts; the others only decrypt"
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("destroyed_at", DateTime(timezone=True)),
    CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name="data_key_destroyed_in_whole"),
    Index("data_key_subject", "subject", "generation"),
    Index("data_key_generation", "generation"),
)

encryption_pending = Table(
    "encryption_pending",
    metadata,
    Column("since", DateTime(timezone=True), primary_key=True, comment="a row: values are written in clear"),
)
