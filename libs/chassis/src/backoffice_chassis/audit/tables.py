"""The audit log's tables in a service's database. None but `audit_unsealed` ever loses or changes a row."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

metadata = MetaData()

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("entry_id", Uuid(as_uuid=False), primary_key=True, comment="UUIDv7: by time"),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("subject", Text, nullable=False, comment="the person: sub of the token"),
    Column("client", Text, comment="the application that the token was issued to"),
    Column("address", Text, comment="from where: the client's network address"),
    Column("action", Text, nullable=False, comment="the operation, as the OpenAPI document names it"),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("public_key", Text, nullable=False, comment="of the key that signed it, hex"),
    Column("signature", Text, nullable=False, comment="Ed25519 over the entry's canonical bytes, hex"),
    Index("audit_entry_object", "object_type", "object_id", "entry_id"),
    Index("audit_entry_subject", "subject", "entry_id"),
)

audit_unsealed = Table(
    "audit_unsealed",
    metadata,
    Column("entry_id", Uuid(as_uuid=False), primary_key=True, comment="waits for its place in the tree"),
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False, comment="from 0, without gaps"),
    Column("entry_id", Uuid(as_uuid=False), nullable=False, unique=True),
)

audit_node = Table(
    "audit_node",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False, comment="0: a leaf"),
    Column("position", BigInteger, primary_key=True, autoincrement=False, comment="on its level, from 0"),
    Column("hash", LargeBinary, nullable=False, comment="RFC 9162, 2.1.1"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("tree_size", BigInteger, primary_key=True, autoincrement=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

APPEND_ONLY = (audit_entry, audit_leaf, audit_node, audit_head)
