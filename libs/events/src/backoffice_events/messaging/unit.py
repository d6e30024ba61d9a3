"""One transaction and the events that leave with it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from opentelemetry.metrics import Counter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_events.cloudevents import Received, encode
from backoffice_events.contracts.base import Event
from backoffice_events.ids import new_id
from backoffice_events.messaging import outbox
from backoffice_events.records import Record
from backoffice_events.traces import current_traceparent

TEST_SOURCE: Final = "urn:backoffice:test"


class UnitOfWork:
    """An open transaction. Whoever opened it commits it; code that is handed one never does.

    now: UTC, read once when the transaction began. rollback_only: set it and nothing of the unit comes to be.
    """

    def __init__(self, connection: AsyncConnection, *, now: datetime, source: str) -> None:
        self.connection = connection
        self.now = now
        self.rollback_only = False
        self.source = source
        self._outgoing: list[outbox.Outgoing] = []
        self._counts: list[tuple[Counter, int, Mapping[str, str]]] = []
        self._published: list[Event] = []

    def publish(self, event: Event, *, cause: Received[Any] | None = None) -> None:
        """Let an event leave when, and only when, the transaction commits. cause: the event that brought it about.

        Lock the aggregate's row (or be its only writer) before: then events of one key leave in the order of commits.
        """
        event_id = new_id()
        traceparent = cause.traceparent if cause is not None else current_traceparent()
        record = encode(event, event_id=event_id, source=self.source, time=self.now, traceparent=traceparent)
        self._outgoing.append(outbox.Outgoing(event_id, type(event).event_type, record))
        self._published.append(event)

    @property
    def published(self) -> Sequence[Event]:
        """The events that leave with this transaction, in order."""
        return tuple(self._published)

    def send(self, event_type: str, record: Record) -> None:
        """Let a record leave with the transaction as it is, such as the copy of a dead letter."""
        self._outgoing.append(outbox.Outgoing(new_id(), event_type, record))

    def count(self, counter: Counter, number: int, labels: Mapping[str, str]) -> None:
        """Count something when, and only when, the transaction commits."""
        self._counts.append((counter, number, labels))

    def share_outgoing(self, other: "UnitOfWork") -> None:
        """Let what this unit publishes and counts leave with another unit of the same transaction."""
        self._outgoing, self._counts = other._outgoing, other._counts

    def adopt(self, other: "UnitOfWork") -> None:
        """Let what another unit of the same transaction published and counted leave with this one."""
        self._outgoing.extend(other._outgoing)
        self._counts.extend(other._counts)

    def committed(self) -> None:
        """Tell the counters; called by the edge after it committed."""
        for counter, number, labels in self._counts:
            counter.add(number, labels)

    async def flush(self) -> Sequence[outbox.Outgoing]:
        """Write what was published to the outbox, and return it; called by the edge before it commits."""
        outgoing = list(self._outgoing)
        self._outgoing.clear()
        await outbox.write(self.connection, outgoing, self.now)
        return outgoing


class Wakeup:
    """Tells the relay that there is something to send.

    A hint only: the relay polls anyhow. While the relay of this process leads, it is handed the records themselves;
    else the database passes the word to the process whose relay does.
    """

    def __init__(self) -> None:
        self.relay: Callable[[Sequence[outbox.Outgoing]], None] | None = None

    async def before_commit(self, connection: AsyncConnection) -> None:
        """Have the database tell the leading relay, wherever it is, at commit."""
        if self.relay is None:
            await outbox.notify(connection)

    def after_commit(self, outgoing: Sequence[outbox.Outgoing]) -> None:
        """Tell this process's relay, if it leads."""
        if self.relay is not None:
            self.relay(outgoing)


class Transactions:
    """Opens units of work on one database, for one sender. clock returns the time in UTC."""

    def __init__(
        self, engine: AsyncEngine, *, source: str, clock: Callable[[], datetime], wakeup: Wakeup | None = None
    ) -> None:
        self.engine = engine
        self.source = source
        self.clock = clock
        self.wakeup = wakeup or Wakeup()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Commit on leaving, with what was published; roll back on an exception or when the unit is rollback_only."""
        async with self.engine.connect() as connection:
            async with connection.begin() as transaction:
                unit = UnitOfWork(connection, now=self.clock(), source=self.source)
                yield unit
                if unit.rollback_only:
                    await transaction.rollback()
                    return
                outgoing = await self.flush(unit)
            unit.committed()
            if outgoing:
                self.wakeup.after_commit(outgoing)

    async def flush(self, unit: UnitOfWork) -> Sequence[outbox.Outgoing]:
        """Write the unit's outbox rows, arrange for the relay to hear of them, and return what they hold."""
        outgoing = await unit.flush()
        if outgoing:
            await self.wakeup.before_commit(unit.connection)
        return outgoing
