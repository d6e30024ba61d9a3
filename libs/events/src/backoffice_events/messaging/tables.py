"""The messaging tables of a service's database. Columns of `outbox` follow Debezium's outbox router."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

metadata = MetaData()


def kept_record_columns() -> list[Column[object]]:
    """A Kafka record exactly as it was: headers in the form of `headers.pack`."""
    return [
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("record_offset", BigInteger, nullable=False),
        Column("record_key", LargeBinary),
        Column("value", LargeBinary),
        Column("headers", LargeBinary, nullable=False),
    ]


outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True, comment="order of sending"),
    Column("id", Uuid(as_uuid=False), nullable=False, comment="CloudEvents id"),
    Column("aggregatetype", Text, nullable=False, comment="topic"),
    Column("aggregateid", Text, comment="record key"),
    Column("type", Text, nullable=False, comment="CloudEvents type"),
    Column("payload", LargeBinary, comment="record value"),
    Column("headers", LargeBinary, nullable=False, comment="record headers, packed"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # Rows live for milliseconds: without frequent vacuums, which hold nothing back, the relay would wade through
    # dead ones, and the table would grow by a gigabyte in minutes of full load.
    postgresql_with={
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 5000,
        "autovacuum_vacuum_cost_delay": 0,
    },
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True, comment="consumer group"),
    Column("event_id", Uuid(as_uuid=False), primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index("inbox_received_at", "received_at", postgresql_using="brin"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid(as_uuid=False), nullable=False, unique=True),
    Column("consumer", Text, nullable=False),
    Column("key", Text, comment="what later events of an ordered consumer park behind"),
    *kept_record_columns(),
    Column("event_id", Text),
    Column("event_type", Text),
    Column("inbox_id", Uuid(as_uuid=False), nullable=False, comment="its row in inbox"),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False, comment="open, redriven or discarded"),
    Column("attempts", Integer, nullable=False, comment="times the handler saw it and failed"),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Index("dead_letter_open", "consumer", "key", postgresql_where=text("status = 'open'")),
)

parked_event = Table(
    "parked_event",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("key", Text, nullable=False),
    *kept_record_columns(),
    Column("inbox_id", Uuid(as_uuid=False), nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False),
    Index("parked_event_key", "consumer", "key", "seq"),
)

dead_letter_action = Table(
    "dead_letter_action",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("dead_letter_id", Uuid(as_uuid=False), nullable=False, index=True),
    Column("action", Text, nullable=False, comment="redrive, discard or release"),
    Column("outcome", Text, nullable=False),
    Column("actor", Text, nullable=False, comment="who"),
    Column("why", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
