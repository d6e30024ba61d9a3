"""Messaging of one service process: its relay, its consumers, and what an operator may ask of them."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.brokers import Brokers
from backoffice_events.messaging import dead_letters, metrics, outbox, parking
from backoffice_events.messaging.batch import ConsumerSpec
from backoffice_events.messaging.consumer import Consumer, ConsumerOptions
from backoffice_events.messaging.redrive import Redriver
from backoffice_events.messaging.relay import Relay
from backoffice_events.messaging.unit import Transactions, Wakeup


@dataclass(frozen=True, slots=True)
class MessagingStatus:
    """What waits: records to be sent and the age of the oldest in seconds, open dead letters, parked events."""

    outbox_pending: int
    outbox_oldest_seconds: float
    dead_letters: int
    parked: int


class Messaging:
    """Everything a service process needs for its messages.

    transactions: opens units of work whose events this process's relay, or another's, sends. redriver: deals with dead
    letters. Without `start` nothing runs in the background, as in a process that only serves HTTP.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        brokers: Brokers,
        source: str,
        clock: Callable[[], datetime],
        consumers: Sequence[ConsumerSpec] = (),
        options: ConsumerOptions | None = None,
    ) -> None:
        wakeup = Wakeup()
        self.transactions = Transactions(engine, source=source, clock=clock, wakeup=wakeup)
        self.redriver = Redriver(self.transactions, consumers)
        self.relay = Relay(engine, brokers, wakeup)
        self.consumers = [Consumer(spec, self.transactions, brokers, options) for spec in consumers]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start relay and consumers; they connect on their own, however long that takes."""
        metrics.observe(self)
        runs = [self.relay.run(), *(consumer.run() for consumer in self.consumers)]
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def stop(self, *, seconds: float = 20.0) -> None:
        """Let batches in hand finish and their events leave, then disconnect; after `seconds` give up what hangs."""
        consumers = self._tasks[1:]
        for consumer in self.consumers:
            consumer.stop()
        await _finish(consumers, seconds)
        self.relay.stop()
        await _finish(self._tasks[:1], seconds)
        self._tasks = []

    @property
    def alive(self) -> bool:
        """Whether every part makes progress; when not, the process should be restarted."""
        return not any(task.done() for task in self._tasks) and all(each.alive for each in self.consumers)

    @property
    def ready(self) -> bool:
        """Whether every consumer takes events."""
        return all(consumer.ready for consumer in self.consumers)

    def problems(self) -> list[str]:
        """Return, in words, what keeps this process from being ready."""
        return [
            f"consumer {each.spec.group}: {each.halted or 'is connecting'}"
            for each in self.consumers
            if not each.ready
        ]

    async def broker_answers(self) -> bool:
        """Tell whether the broker answers a consumer; waits for it. Without consumers nobody asks."""
        return all([await consumer.answers() for consumer in self.consumers[:1]])

    async def status(self) -> MessagingStatus:
        """Count what waits."""
        async with self.transactions.begin() as unit:
            pending, oldest = await outbox.depth(unit.connection)
            open_ones = dead_letters.Filter(status=dead_letters.OPEN)
            return MessagingStatus(
                outbox_pending=pending,
                outbox_oldest_seconds=0.0 if oldest is None else (unit.now - oldest).total_seconds(),
                dead_letters=await dead_letters.count(unit.connection, open_ones),
                parked=await parking.count(unit.connection),
            )


async def _finish(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    if not tasks:
        return
    _, hanging = await asyncio.wait(tasks, timeout=seconds)
    for task in hanging:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
