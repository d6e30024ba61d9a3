"""The CSD on Kafka. Its topics are its memory: it reads them from the beginning when it starts, and then goes on."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

import structlog
from aiokafka.errors import KafkaError

from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import attribute_or_none
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.csd import (
    CSD_ADVICES,
    CSD_INSTRUCTIONS,
    CsdCancellationRequested,
    CsdInstructionSent,
)
from backoffice_events.contracts.reference import (
    REFERENCE_BUSINESS_DAYS,
    REFERENCE_SETTLEMENT_CYCLES,
    BusinessDayClosed,
    BusinessDayOpened,
    SettlementCycleChanged,
)
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record
from simulators.csd.behaviour import Behaviour, Phase
from simulators.csd.depository import Depository, Said
from simulators.csd.settings import CsdSettings
from simulators.record import OwnRecord
from simulators.topics import Progress, asking, decoded, poll, progress, reading, until_now
from simulators.trails import Trails

log = structlog.get_logger(__name__)

SOURCE = "urn:csd:simulator"
_GROUP = "simulators.csd"
_FACTS = (REFERENCE_SETTLEMENT_CYCLES, REFERENCE_BUSINESS_DAYS)
_TOPICS = {topic.name for topic in (*_FACTS, CSD_INSTRUCTIONS, CSD_ADVICES)}
_RETRY_SECONDS = 1.0


async def serve(settings: CsdSettings, brokers: Brokers, stop: asyncio.Event) -> None:
    """Run until `stop` is set. A broker that is away is waited for."""
    while not stop.is_set():
        try:
            await _run(settings, brokers, stop)
        except KafkaError as error:
            log.warning("the broker does not answer; starting again from the topics", error=repr(error))
            await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), _RETRY_SECONDS)


async def _run(settings: CsdSettings, brokers: Brokers, stop: asyncio.Event) -> None:
    await _wait_for_topics(brokers, stop)
    async with Publisher(brokers=brokers, source=SOURCE) as publisher:
        voice = _Voice(publisher, OwnRecord(settings.record))
        said = await _said_before(brokers)
        depository = Depository(Behaviour(settings.rates, settings.seed), said)
        async with (
            reading(brokers, _FACTS) as facts,
            reading(brokers, [CSD_INSTRUCTIONS]) as orders,
            progress(brokers, _GROUP) as answered,
        ):
            async for records in until_now(facts):
                _hear(depository, records, voice.trails)
                answered.note(records)
            async for records in until_now(orders):
                await voice.speak(_hear(depository, records, voice.trails))
                answered.note(records)
            depository.caught_up()
            await answered.tell()
            log.info("csd is up", said_before=len(said))
            await _go_on(depository, voice, (facts, orders), answered, stop)


async def _wait_for_topics(brokers: Brokers, stop: asyncio.Event) -> None:
    async with asking(brokers) as broker:
        while not stop.is_set() and (missing := _TOPICS - await broker.topics()):
            log.info("waiting for topics", missing=sorted(missing))
            await _pause(stop)


async def _go_on(
    depository: Depository,
    voice: "_Voice",
    consumers: Sequence[KafkaConsumer],
    answered: Progress,
    stop: asyncio.Event,
) -> None:
    """Listen to both kinds of topics and answer, each batch after the one before it was said."""
    polls = {consumer: asyncio.ensure_future(poll(consumer)) for consumer in consumers}
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            await asyncio.wait([*polls.values(), stopped], return_when=asyncio.FIRST_COMPLETED)
            for consumer, heard in polls.items():
                if heard.done():
                    await voice.speak(_hear(depository, heard.result(), voice.trails))
                    answered.note(heard.result())
                    await answered.tell()
                    polls[consumer] = asyncio.ensure_future(poll(consumer))
    finally:
        for task in (*polls.values(), stopped):
            task.cancel()
        await asyncio.gather(*polls.values(), stopped, return_exceptions=True)


async def _said_before(brokers: Brokers) -> frozenset[str]:
    """Return the event ids of all advices on the topic."""
    ids: set[str] = set()
    async with reading(brokers, [CSD_ADVICES]) as advices:
        async for records in until_now(advices):
            ids.update(attribute_or_none(record.headers, "ce_id") or "" for record in records)
    return frozenset(ids)


def _hear(depository: Depository, records: Iterable[Record], trails: Trails) -> list[Said]:
    said: list[Said] = []
    for received in decoded(records):
        trails.follow(received)
        said += _answer(depository, received.event)
    return said


def _answer(depository: Depository, event: Event) -> list[Said]:
    match event:
        case CsdInstructionSent():
            return depository.instruct(event.message_id, event.document)
        case CsdCancellationRequested():
            return depository.cancel(event.message_id, event.document)
        case BusinessDayOpened():
            return depository.turn(event.calendar, event.business_date, Phase.OPEN)
        case BusinessDayClosed():
            return depository.turn(event.calendar, event.business_date, Phase.CLOSED)
        case SettlementCycleChanged():
            return depository.learn_place(event.place_of_settlement, event.settlement_calendar)
        case _:
            return []


class _Voice:
    """Says things on the topic, and keeps the record of it. trails: the traces of what it was told."""

    def __init__(self, publisher: Publisher, record: OwnRecord) -> None:
        self.trails = Trails()
        self._publisher = publisher
        self._record = record

    async def speak(self, said: Sequence[Said]) -> None:
        """Say it all, in order."""
        await self._record.send(self._publisher, self.trails.records(SOURCE, said))
