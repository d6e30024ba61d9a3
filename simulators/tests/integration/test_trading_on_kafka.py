"""A front office and its counterparties as processes of their own know them: topics in, topics out."""

import asyncio
import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from backoffice_cli.stack.testing import shared_server
from backoffice_events.brokers import Brokers
from backoffice_events.contracts import all_topics
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS, ConfirmationSent
from backoffice_events.contracts.hr import Employee, EmployeeHired, Employment, EmploymentStatus, Licence
from backoffice_events.contracts.reference import (
    CalendarChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
)
from backoffice_events.contracts.vocabulary import InstrumentType
from backoffice_events.ids import new_id
from backoffice_events.publisher import Publisher
from simulators.counterparties.server import serve
from simulators.counterparties.settings import CounterpartySettings
from simulators.front_office.replay import replay
from simulators.front_office.settings import FrontOfficeSettings
from simulators.front_office.tape import read_tape
from simulators.topics import decoded, poll, reading

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[3] / "data"
HIRED = date(2020, 1, 6)
TRADES = 60
TIMEOUT_SECONDS = 180  # a hang, not slowness: the machine may be busy with much else


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a broker of its own: what others say on the reference topics would be this firm's reference data too."""
    return shared_server("kafka", tmp_path_factory.mktemp("kafka"), os.getpid())["bootstrap_servers"]


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


def reference_data() -> list[Event]:
    """What the front office and its counterparties need to know."""
    slots = {(trade.slot.isin, trade.slot.mic): trade.slot for trade in read_tape(DATA, TRADES)}
    licences = tuple(Licence(product=product, valid_from=HIRED) for product in InstrumentType)
    hired = (Employment(status=EmploymentStatus.EMPLOYED, effective_from=HIRED),)
    trader = Employee(employee_id="E1", version=1, department="Trading", employment=hired, licences=licences)
    years = {"valid_from": date(2024, 1, 1), "valid_to": date(2024, 12, 31)}
    return [
        EmployeeHired(employee=trader),
        CounterpartyChanged(
            lei="549300HBJLRO8YFMI370", version=1, name="DTC", bic="DTCYUS33XXX", country="US", active=True
        ),
        CalendarChanged(calendar="ALL", version=1, name="All", closures=(), **years),
        *(
            InstrumentChanged(
                isin=slot.isin,
                mic=slot.mic,
                version=1,
                name="x",
                cfi="ESXXXX",
                instrument_type=slot.instrument_type,
                currency=slot.currency,
                active=True,
            )
            for slot in slots.values()
        ),
        *(
            SettlementCycleChanged(
                mic=slot.mic,
                instrument_type=slot.instrument_type,
                effective_from=date(2017, 1, 1),
                version=1,
                days=1,
                settlement_calendar="ALL",
                place_of_settlement="DTCYUS33XXX",
            )
            for slot in slots.values()
        ),
    ]


async def confirmations_of(kafka: str, references: set[str]) -> list[ConfirmationSent]:
    """Return the confirmations of these trades once each has one."""
    found: list[ConfirmationSent] = []
    async with (
        asyncio.timeout(TIMEOUT_SECONDS),
        reading(Brokers(kafka), [COUNTERPARTY_CONFIRMATIONS]) as consumer,
    ):
        while {each.trade_reference for each in found} != references:
            for received in decoded(await poll(consumer)):
                event = received.event
                if isinstance(event, ConfirmationSent) and event.trade_reference in references:
                    found.append(event)
    return found


async def replayed(kafka: str, record: Path) -> set[str]:
    """Replay the tape as trades of their own and return the references recorded."""
    settings = FrontOfficeSettings(data=DATA, record=record, trades=TRADES, rate=0, run=new_id()[-4:])
    assert await replay(settings, Brokers(kafka), asyncio.Event()) == TRADES
    return recorded(record)


def recorded(path: Path) -> set[str]:
    return {json.loads(line)["trade_reference"] for line in path.read_text().splitlines()}


async def confirmed(kafka: str, references: set[str]) -> list[ConfirmationSent]:
    """Let the counterparties work until each trade is confirmed; return everything they sent of them."""
    stop = asyncio.Event()
    settings = CounterpartySettings(delay_seconds=Decimal(0))
    firms = asyncio.create_task(serve(settings, Brokers(kafka), stop))
    found = await confirmations_of(kafka, references)
    stop.set()
    await firms
    return found


async def test_every_trade_is_recorded_and_confirmed_and_a_restart_repeats_nothing(
    kafka: str, tmp_path: Path
) -> None:
    async with Publisher(brokers=Brokers(kafka), source="urn:test") as publisher:
        await publisher.publish_many(reference_data())
    first = await replayed(kafka, tmp_path / "first.jsonl")
    assert len(first) == TRADES
    assert len(await confirmed(kafka, first)) == TRADES
    second = await replayed(kafka, tmp_path / "second.jsonl")
    assert len(await confirmed(kafka, first | second)) == 2 * TRADES
