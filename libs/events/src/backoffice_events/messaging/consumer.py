"""One consumer of a service: polls, has batches applied, commits offsets, and lives through whatever goes wrong."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from backoffice_events.brokers import Brokers
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.messaging import telemetry, topics
from backoffice_events.messaging.batch import ConsumerSpec
from backoffice_events.messaging.breaker import DeadLetterCap, DeadLetterCapError
from backoffice_events.messaging.failures import Backoff, describe, is_infrastructure
from backoffice_events.messaging.processor import Processor
from backoffice_events.messaging.unit import Transactions
from backoffice_events.records import Record

COMMIT_SECONDS: Final = 1.0
"""How long offsets may wait for their commit: after a crash the inbox knows what comes again."""

Fetched = Mapping[TopicPartition, Sequence[Record]]


@dataclass(frozen=True)
class ConsumerOptions:
    """How a consumer polls. Times in seconds.

    max_records: largest batch.
    session_timeout: after this long without heartbeat others take its partitions over. rebalance_timeout: how long the
    group waits for a member to finish its batch. revocation_grace: how long the batch in hand may take to finish when
    its partitions are taken away; then it is rolled back. stall: without any progress for this long, it is not alive.
    dead_letter_window, dead_letter_share: the cap at which the consumer stops.
    """

    max_records: int = 2000
    poll: float = 1.0
    session_timeout: float = 10.0
    heartbeat: float = 1.0
    rebalance_timeout: float = 60.0
    revocation_grace: float = 30.0
    stall: float = 300.0
    dead_letter_window: int = 500
    dead_letter_share: float = 0.5


class Consumer:
    """Runs one ConsumerSpec for as long as `run` does."""

    def __init__(
        self,
        spec: ConsumerSpec,
        transactions: Transactions,
        brokers: Brokers,
        options: ConsumerOptions | None = None,
    ) -> None:
        self.spec = spec
        self.options = options or ConsumerOptions()
        self.halted: str | None = None
        self.connected = False
        self._brokers = brokers
        cap = DeadLetterCap(window=self.options.dead_letter_window, share=self.options.dead_letter_share)
        self._processor = Processor(spec, transactions, cap)
        self._stopping = asyncio.Event()
        self._revoking = asyncio.Event()
        self._epoch = 0
        self._positions: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._batch: asyncio.Task[None] | None = None
        self._progress = time.monotonic()
        self._kafka: Any = None

    @property
    def alive(self) -> bool:
        """Whether it makes progress; waiting for a database or broker that is away counts as such."""
        return self.halted is not None or time.monotonic() - self._progress < self.options.stall

    @property
    def ready(self) -> bool:
        """Whether it takes events."""
        return self.connected and self.halted is None

    def stop(self) -> None:
        """Let the batch in hand finish, then leave the group; `run` returns after that."""
        self._stopping.set()

    async def run(self) -> None:
        """Consume until `stop`. Whatever error comes, it waits and goes on; only the dead-letter cap makes it halt."""
        backoff = Backoff()
        while not self._stopping.is_set():
            self._progress = time.monotonic()
            try:
                async with self._joined() as kafka:
                    await self._consume(kafka, backoff)
            except DeadLetterCapError as error:
                self.halted = str(error)
                telemetry.log.critical("consumer %s halted: %s", self.spec.group, error)
                await self._stopping.wait()
            except Exception as error:
                telemetry.log.warning("consumer %s starts anew: %s", self.spec.group, describe(error))
                await self._pause(backoff.next())

    @contextlib.asynccontextmanager
    async def _joined(self) -> AsyncIterator[Any]:
        """Connect a Kafka consumer, from the committed offsets, and take leave of the group in the end."""
        await topics.ensure_dead_letter_topics(self._brokers, self.spec)
        kafka = self._kafka = self._new_kafka()
        self._uncommitted.clear()  # what was left of another connection comes again
        kafka.subscribe([topic.name for topic in self.spec.topics], listener=_Listener(self))
        try:
            async with asyncio.timeout(self.options.stall / 2):
                await kafka.start()
            self.connected = True
            yield kafka
            await self._commit(kafka)
        finally:
            self.connected = False
            self._kafka = None
            await _stop(kafka)

    def _new_kafka(self) -> Any:
        options = self.options
        return KafkaConsumer(
            **self._brokers.options(),
            group_id=self.spec.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # what a sender's transaction took back was never said
            session_timeout_ms=round(options.session_timeout * 1000),
            heartbeat_interval_ms=round(options.heartbeat * 1000),
            rebalance_timeout_ms=round(options.rebalance_timeout * 1000),
            gather=self.spec.gather,
            max_poll_interval_ms=round(options.stall * 1000),
        )

    async def _consume(self, kafka: Any, backoff: Backoff) -> None:
        while not self._stopping.is_set():
            fetched, epoch = await self._poll(kafka)
            self._progress = time.monotonic()
            if fetched:
                await self._in_own_task(kafka, fetched, epoch)
                backoff.reset()  # not for a mere poll: a batch that ends us each time would be tried without a pause
            elif not self._stopping.is_set():
                await self._pass_markers(kafka, epoch)
            if self._uncommitted and time.monotonic() - self._committed_at >= COMMIT_SECONDS:
                await self._commit(kafka)

    async def _pass_markers(self, kafka: Any, epoch: int) -> None:
        """Step past what a sender's transactions leave behind a batch and nobody is handed: it would count as lag."""
        places = kafka.assignment() & self._positions.keys()
        try:
            now = {place: await kafka.position(place) for place in places}
        except IllegalStateError:
            return  # a rebalance took one of them away in between
        passed = {
            place: offset for place, offset in now.items() if offset > self._positions.get(place, offset)
        }
        if epoch == self._epoch:
            self._advance(passed)

    async def answers(self) -> bool:
        """Ask the broker something; takes as long as the broker does."""
        if self._kafka is None:
            return False
        try:
            await self._kafka.topics()
        except KafkaError:
            return False
        return True

    async def _poll(self, kafka: Any) -> tuple[Fetched, int]:
        """Wait for records; return them with the assignment's number.

        Any error leads to a new Kafka consumer, because aiokafka may have lost the records that it had at hand.
        """
        poll = asyncio.ensure_future(self._fetch(kafka))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            async with asyncio.timeout(self.options.stall / 2):
                await asyncio.wait({poll, stop}, return_when=asyncio.FIRST_COMPLETED)
            return poll.result() if poll.done() else ({}, self._epoch)
        finally:
            poll.cancel()
            stop.cancel()

    async def _fetch(self, kafka: Any) -> tuple[Fetched, int]:
        seconds = min(self.options.poll, COMMIT_SECONDS) if self._uncommitted else self.options.poll
        wait, most = round(seconds * 1000), self.options.max_records
        fetched: Fetched = await kafka.getmany(timeout_ms=wait, max_records=most)
        return fetched, self._epoch

    async def _in_own_task(self, kafka: Any, fetched: Fetched, epoch: int) -> None:
        """Work on a batch in a task that a revocation can wait for, or abandon."""
        self._batch = asyncio.create_task(self._work(kafka, fetched, epoch))
        try:
            await asyncio.wait({self._batch})
        except asyncio.CancelledError:
            self._batch.cancel()
            raise
        if not self._batch.cancelled():
            self._batch.result()

    async def _work(self, kafka: Any, fetched: Fetched, epoch: int) -> None:
        if epoch != self._epoch:
            return  # the partitions went away before we began; whoever has them now gets the records
        began = time.monotonic()
        records = [record for found in fetched.values() for record in found]
        if await self._apply(kafka, records):
            self._advance({place: found[-1].offset + 1 for place, found in fetched.items()})
        telemetry.record_batch(self.spec.group, len(records), time.monotonic() - began)

    def _advance(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._positions.update(offsets)
        self._uncommitted.update(offsets)

    async def _apply(self, kafka: Any, records: Sequence[Record]) -> bool:
        """Apply records, for as long as it takes; False when the partitions were taken away or we stop before."""
        backoff = Backoff()
        while True:
            try:
                await self._processor.process(records)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                telemetry.record_retry(self.spec.group, error)
                self._progress = time.monotonic()
            else:
                return True
            if not await self._hold(kafka, backoff.next()):
                return False

    async def _hold(self, kafka: Any, seconds: float) -> bool:
        """Wait with the partitions paused, still a member of the group; False when the batch is to be abandoned."""
        kafka.pause(*kafka.assignment())
        try:
            await self._pause(seconds, self._revoking)
            if self._revoking.is_set() or self._stopping.is_set():
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await kafka.getmany(
                        timeout_ms=0
                    )  # paused partitions give nothing; it shows that we are there
            return not self._revoking.is_set()
        finally:
            kafka.resume(*kafka.assignment())

    async def _pause(self, seconds: float, *events: asyncio.Event) -> None:
        """Wait for a time, for the stop or for another event."""
        if seconds <= 0:
            return
        waiters = [asyncio.ensure_future(event.wait()) for event in (self._stopping, *events)]
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()

    async def _commit(self, kafka: Any) -> None:
        """Commit offsets. When that fails they are committed with the next, unless the partitions went away meanwhile.

        Nothing is lost by it: the records would come again and the inbox knows them. But until then they count as lag.
        """
        offsets, self._uncommitted = self._uncommitted, {}
        self._committed_at = time.monotonic()
        if not offsets:
            return
        epoch = self._epoch
        try:
            async with asyncio.timeout(self.options.revocation_grace / 2):
                await kafka.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            telemetry.log.info("consumer %s could not commit offsets: %s", self.spec.group, describe(error))
            if epoch == self._epoch:
                self._uncommitted = offsets | self._uncommitted

    async def revoked(self) -> None:
        """Finish the batch in hand, or roll it back, before its partitions go to another member."""
        self._revoking.set()
        batch = self._batch
        if batch is not None and not batch.done():
            await asyncio.wait({batch}, timeout=self.options.revocation_grace)
            if not batch.done():
                telemetry.log.warning("consumer %s abandons its batch to a rebalance", self.spec.group)
                batch.cancel()
                await asyncio.wait({batch})
        if self._kafka is not None:
            await self._commit(self._kafka)
        self._uncommitted.clear()
        self._epoch += 1
        self._positions.clear()

    def assigned(self) -> None:
        """Go on, with the partitions that are ours now."""
        self._revoking.clear()

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many records of each partition of ours have yet to take effect, as far as is known."""
        kafka = self._kafka
        if kafka is None:
            return {}
        assigned = kafka.assignment() & self._positions.keys()
        return {place: max(0, (kafka.highwater(place) or 0) - self._positions[place]) for place in assigned}


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 -- eager: it is always all of them
        await self._consumer.revoked()

    async def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002
        self._consumer.assigned()


async def _stop(kafka: Any) -> None:
    """Leave the group and disconnect; a broker that is away does not keep us."""
    with contextlib.suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(kafka.stop(), 10)
