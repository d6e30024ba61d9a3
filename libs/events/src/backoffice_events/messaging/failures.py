"""Whose fault is it: the surroundings' (wait and try again, for ever) or the event's (dead letter)."""

import random
from collections.abc import Iterator
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError
from sqlalchemy import exc

_CLASSES: Final = frozenset({"08", "28", "3D", "3F", "40", "53", "57", "58", "F0", "XX"})
"""SQLSTATE classes: connection, authorization, no such database or schema, rollback (serialization, deadlock),
resources (disk full, too many connections), operator (shutdown, cancelled), system, configuration file, internal."""

_STATES: Final = frozenset(
    {
        "25006",  # read-only: a standby that is to become the primary
        "25P03",  # idle in transaction for too long
        "25P04",  # transaction took too long
        "42501",  # privilege missing: the deployment's fault, no event's
        "42P01",  # table missing: likewise
        "42703",  # column missing: likewise, the schema is older or newer than the code
        "42704",  # type or other object missing: likewise
        "42883",  # function missing: likewise
        "55006",  # object in use
        "55P03",  # lock not available
    }
)


class MissingMeansError(Exception):
    """Something that a handler works with was not given to the process: no event's fault, and waited for."""


_SURROUNDINGS: Final = (
    OSError,
    TimeoutError,
    MemoryError,
    KafkaError,
    exc.TimeoutError,
    MissingMeansError,
)


def is_infrastructure(error: BaseException) -> bool:
    """Tell whether an error, or one that it was raised from, comes from database, broker, network or machine."""
    return any(isinstance(each, _SURROUNDINGS) or _is_database_trouble(each) for each in _chain(error))


def _is_database_trouble(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _CLASSES or state in _STATES
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)  # the driver has no better word for a connection that went away
    return isinstance(error, asyncpg.InternalClientError)


def lost_connection(error: BaseException) -> bool:
    """Tell whether a connection to the database broke without a word, which a statement may have brought about."""
    return any(_is_loss(each) for each in _chain(error)) and not any(_is_told(each) for each in _chain(error))


def _is_loss(error: BaseException) -> bool:
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] == "08"
    return isinstance(error, ConnectionError)


def _is_told(error: BaseException) -> bool:
    """Tell whether an operator, or the server as it stops, ended the session and said so."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] == "57"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def describe(error: BaseException) -> str:
    """Return an error as one line that a column can hold."""
    return clean(f"{type(error).__name__}: {error}")


def clean(reason: str) -> str:
    """Return text without NUL characters, of bounded length."""
    return reason.replace("\x00", "\\0")[:2000]


class Backoff:
    """Waiting times that double up to a bound, with jitter so that many waiters do not return at once."""

    def __init__(self, *, first: float = 0.1, longest: float = 15.0) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def reset(self) -> None:
        """Forget past failures."""
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        bound = min(self._longest, self._first * 2.0 ** min(self._failures, 20))
        self._failures += 1
        return bound * random.uniform(0.5, 1.0)  # noqa: S311 -- jitter, no secret
