"""What travels through Kafka, as bytes: the one shape that producer, outbox, consumer and dead letters share."""

from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, bytes]]

MAX_VALUE_BYTES = 262_144
"""Largest value of one event. A larger one is refused when it is published and dead-lettered when it arrives."""


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record. partition and offset are -1 until the broker has placed it; value None is a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int = -1
    offset: int = -1
