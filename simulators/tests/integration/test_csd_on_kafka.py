"""The CSD as a process of its own knows it: topics in, topics out, and its memory in the topics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from backoffice_events.brokers import Brokers
from backoffice_events.contracts import all_topics
from backoffice_events.contracts.csd import CSD_ADVICES, CsdInstructionSent
from backoffice_events.contracts.reference import (
    BusinessDayOpened,
    BusinessDayStatus,
    SettlementCycleChanged,
)
from backoffice_events.contracts.vocabulary import InstrumentType
from backoffice_events.ids import new_id
from backoffice_events.publisher import Publisher
from simulators.csd.server import serve
from simulators.csd.settings import CsdSettings

pytestmark = pytest.mark.integration

INSTRUCTION = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11"><SctiesSttlmTxInstr><TxId>{id}</TxId>'
    "<SttlmTpAndAddtlParams><SctiesMvmntTp>RECE</SctiesMvmntTp><Pmt>APMT</Pmt></SttlmTpAndAddtlParams>"
    "<TradDtls><TradId>T</TradId><TradDt><Dt><Dt>2024-06-03</Dt></Dt></TradDt>"
    "<SttlmDt><Dt><Dt>{date}</Dt></Dt></SttlmDt></TradDtls><FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId>"
    "<QtyAndAcctDtls><SttlmQty><Qty><Unit>100</Unit></Qty></SttlmQty><SfkpgAcct><Id>S</Id></SfkpgAcct>"
    "<CshAcct><Prtry>C</Prtry></CshAcct></QtyAndAcctDtls><SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp>"
    "</SttlmParams>"
    "<DlvrgSttlmPties><Dpstry><Id><AnyBIC>{place}</AnyBIC></Id></Dpstry><Pty1><Id><AnyBIC>CHASUS33XXX</AnyBIC></Id>"
    "</Pty1></DlvrgSttlmPties>"
    "<RcvgSttlmPties><Dpstry><Id><AnyBIC>{place}</AnyBIC></Id></Dpstry><Pty1><Id><AnyBIC>IRVTUS3NXXX</AnyBIC></Id>"
    "</Pty1></RcvgSttlmPties>"
    '<SttlmAmt><Amt Ccy="USD">19404.5</Amt><CdtDbtInd>DBIT</CdtDbtInd></SttlmAmt></SctiesSttlmTxInstr></Document>'
)


CALENDAR = "CSD-TEST"  # the topic is the session's, and others open days of US


def instruction(settlement_date: date) -> CsdInstructionSent:
    instruction_id = new_id().replace("-", "")
    text = INSTRUCTION.format(id=instruction_id, date=settlement_date, place="DTCYUS33XXX")
    return CsdInstructionSent(message_id=instruction_id, document=text.encode())


def opened(day: date, version: int) -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar=CALENDAR, business_date=day, version=version, status=BusinessDayStatus.OPEN
    )


CYCLE = SettlementCycleChanged(
    mic="XNAS",
    instrument_type=InstrumentType.EQUITY,
    effective_from=date(2024, 5, 28),
    version=1,
    days=1,
    settlement_calendar=CALENDAR,
    place_of_settlement="DTCYUS33XXX",
)


@pytest.fixture(scope="module", autouse=True)
async def topics(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        for topic in all_topics():
            try:
                await admin.create_topics([NewTopic(topic.name, topic.partitions, 1)])
            except TopicAlreadyExistsError:
                continue
    finally:
        await admin.close()


@asynccontextmanager
async def csd(kafka: str) -> AsyncIterator[None]:
    stop = asyncio.Event()
    settings = CsdSettings(failing=Decimal(0))
    running = asyncio.create_task(serve(settings, Brokers(kafka), stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


class Advices:
    """Everything on the advices topic about the instructions of one test."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.heard: list[tuple[str, str]] = []

    async def until(self, key: str, count: int) -> list[str]:
        """Wait until so many advices of an instruction came and return their types."""
        async with asyncio.timeout(60):
            while sum(1 for heard, _ in self.heard if heard == key) < count:
                record = await self._consumer.getone()
                self.heard.append((record.key.decode(), dict(record.headers)["ce_type"].decode()))
        return [kind.rsplit(".", 2)[1] for heard, kind in self.heard if heard == key]


@pytest.fixture
async def advices(kafka: str) -> AsyncIterator[Advices]:
    consumer = AIOKafkaConsumer(CSD_ADVICES.name, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    yield Advices(consumer)
    await consumer.stop()


async def test_it_settles_at_once_what_is_due_and_later_what_is_due_later_and_nothing_twice(
    kafka: str, advices: Advices
) -> None:
    now, later = instruction(date(2024, 6, 4)), instruction(date(2024, 6, 5))
    async with Publisher(brokers=Brokers(kafka), source="urn:test:settlement") as publisher:
        await publisher.publish_many([CYCLE, opened(date(2024, 6, 4), 1), now, later])
        async with csd(kafka):
            assert await advices.until(now.message_id, 2) == ["status-advised", "settlement-confirmed"]
            assert await advices.until(later.message_id, 1) == ["status-advised"]

        last = instruction(date(2024, 6, 4))
        await publisher.publish_many([opened(date(2024, 6, 5), 2), last])
        async with csd(kafka):
            assert await advices.until(last.message_id, 2) == ["status-advised", "settlement-confirmed"]
            assert await advices.until(later.message_id, 2) == ["status-advised", "settlement-confirmed"]

    assert len(await advices.until(now.message_id, 2)) == 2
