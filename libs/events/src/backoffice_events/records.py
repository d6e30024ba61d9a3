"""What travels through Kafka, as bytes: the one shape that producer, outbox, consumer and dead letters share."""

from collections.abc import Sequence

import msgspec

Headers = Sequence[tuple[str, bytes]]

MAX_VALUE_BYTES = 262_144
"""Largest value of one event. A larger one is refused when it is published and dead-lettered when it arrives."""

MAX_RECORD_BYTES = 1_048_576
"""What a broker takes of one record. A value beyond it came compressed; nobody could send it on, or mend it."""

WHOLE_BATCH = "unread_batch"
"""Header of a record that stands for a whole record batch, with the reason why it was not unpacked."""


class Record(msgspec.Struct, frozen=True):
    """One Kafka record. partition and offset are -1 until the broker has placed it; value None is a tombstone.
    timestamp: when it was published, in milliseconds since 1970, as a consumer is told.

    A struct, as events are: a frozen dataclass takes six times as long to make, and a trade's road makes thirty.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int = -1
    offset: int = -1
    timestamp: int | None = None
