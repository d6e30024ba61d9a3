"""The counterparties on Kafka. The topics are their memory: read from the beginning at start, then followed."""

import asyncio
import contextlib
import heapq
import time
from collections.abc import Sequence
from decimal import Decimal

import structlog
from aiokafka.errors import KafkaError

from backoffice_events.brokers import Brokers
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.publisher import Publisher
from simulators.counterparties.behaviour import Behaviour, Sending, When
from simulators.counterparties.confirming import Counterparties
from simulators.counterparties.settings import CounterpartySettings
from simulators.market import REFERENCE_TOPICS, Market
from simulators.record import OwnRecord
from simulators.topics import asking, decoded, poll, progress, reading, until_now
from simulators.trails import Trails

log = structlog.get_logger(__name__)

SOURCE = "urn:counterparties:simulator"
_GROUP = "simulators.counterparties"
_RETRY_SECONDS = 1.0


async def serve(settings: CounterpartySettings, brokers: Brokers, stop: asyncio.Event) -> None:
    """Run until `stop` is set. A broker that is away is waited for."""
    while not stop.is_set():
        try:
            await _run(settings, brokers, stop)
        except KafkaError as error:
            log.warning("the broker does not answer; starting again from the topics", error=repr(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _RETRY_SECONDS)


async def _run(settings: CounterpartySettings, brokers: Brokers, stop: asyncio.Event) -> None:
    market = Market()
    record = OwnRecord(settings.record)
    mailroom = Mailroom(settings, await _sent_before(brokers))
    firms = Counterparties(market)
    behaviour = Behaviour(settings.rates, settings.seed)
    trails = Trails()
    async with (
        Publisher(brokers=brokers, source=SOURCE) as publisher,
        reading(brokers, REFERENCE_TOPICS) as facts,
        reading(brokers, [FRONTOFFICE_TRADES]) as trades,
        progress(brokers, _GROUP) as answered,
        asking(brokers) as broker,
    ):
        while not stop.is_set():
            records = await poll(trades)
            if records:
                await _learn(market, facts, broker)
            answered.note(records)
            for received in decoded(records):
                trails.follow(received)
                if dealt := firms.hear(received.event):
                    for sending in behaviour.sendings(dealt):
                        mailroom.put(sending)
            due = [(each.event_id, each.confirmation) for each in mailroom.due()]
            await record.send(publisher, trails.records(SOURCE, due))
            if mailroom.is_empty:
                await answered.tell()


async def _learn(market: Market, facts: KafkaConsumer, broker: KafkaConsumer) -> None:
    async for records in until_now(facts, broker):
        for received in decoded(records):
            market.learn(received.event)


async def _sent_before(brokers: Brokers) -> frozenset[str]:
    ids: set[str] = set()
    async with reading(brokers, [COUNTERPARTY_CONFIRMATIONS]) as confirmations:
        async for records in until_now(confirmations):
            ids.update(received.event_id for received in decoded(records))
    return frozenset(ids)


class Mailroom:
    """Holds confirmations until they are due; what was sent before a restart is not sent again."""

    def __init__(self, settings: CounterpartySettings, sent_before: frozenset[str]) -> None:
        self._seconds: dict[When, Decimal] = {
            When.AT_ONCE: Decimal(0),
            When.IN_TIME: settings.delay_seconds,
            When.LATE: settings.late_seconds,
        }
        self._sent_before = sent_before
        self._heap: list[tuple[float, int, Sending]] = []
        self._count = 0

    def put(self, sending: Sending) -> None:
        """Take a confirmation in."""
        if sending.event_id not in self._sent_before:
            self._count += 1
            due = time.monotonic() + float(self._seconds[sending.when])
            heapq.heappush(self._heap, (due, self._count, sending))

    @property
    def is_empty(self) -> bool:
        """Say whether nothing waits to be sent."""
        return not self._heap

    def due(self) -> Sequence[Sending]:
        """Give out what is due now."""
        now = time.monotonic()
        sendings = []
        while self._heap and self._heap[0][0] <= now:
            sendings.append(heapq.heappop(self._heap)[2])
        return sendings
