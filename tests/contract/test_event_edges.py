"""Every topic of every service, sent what its contracts describe and what they do not: nothing is lost, nothing stops.

Hypothesis draws the records, and the service's own consumers take them on a real PostgreSQL. Forty for each
contract run always, the same ones; BACKOFFICE_FUZZ_CASES=10000 asks for more, and for others each time.
"""

import asyncio
import itertools
import json
import math
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from composition import put_together
from hostile_records import INSTRUCTIONS, WORLD, Documents, plainest, records
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backoffice_chassis import Role, Service
from backoffice_chassis.resources import Resources, open_resources
from backoffice_chassis.testing import FixedClock, app_for, client_for
from backoffice_cli.stack.catalogue import SERVICES, ServiceEntry
from backoffice_cli.stack.testing import Migrated
from backoffice_events.cloudevents import Received, decode, encode
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeCleared
from backoffice_events.contracts.csd import CsdCancellationAdvised, CsdSettlementConfirmed, CsdStatusAdvised
from backoffice_events.contracts.hr import EmployeeHired
from backoffice_events.contracts.reference import BusinessDayOpened, CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import TradeCancelled, TradeCaptured, TradeConfirmed
from backoffice_events.messaging.batch import Item
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.messaging.processor import Processor
from backoffice_events.records import Record
from simulators.csd import messages
from simulators.csd.behaviour import Instruction
from trade_capture.testing import NOW, load_world

pytestmark = pytest.mark.integration

LONG: Final = "BACKOFFICE_FUZZ_CASES" in os.environ
CASES: Final = int(os.environ.get("BACKOFFICE_FUZZ_CASES", "40"))
BACKEND: Final = "hypothesis-urandom" if LONG else "hypothesis"
"""Hypothesis' own also mutates what it drew, and throws most of that away: four times as long for as many cases."""
IN_A_BATCH: Final = 4
FUZZED: Final = [
    pytest.param(entry, spec.group, contract, id=f"{spec.group} {contract.__name__}")
    for entry in SERVICES
    for spec in put_together(entry).consumers
    for contract in spec.contracts
]
BEFORE: Final = (EmployeeHired, InstrumentChanged, CounterpartyChanged, BusinessDayOpened)
TO_SETTLE: Final = (TradeCaptured, TradeConfirmed, TradeCleared)
SETTLING_EVERY: Final = {"settlement.csd": 1, "settlement.business-days": 50}
"""Before so many batches there are trades at the CSD again."""

_DATABASE_REFUSED: Final = re.compile(r"(DBAPIError|DataError|IntegrityError): ")
_CRASHED: Final = re.compile(r"\w+(Error|Exception|Warning): ")


def _key(event: Any, _: Record) -> str:
    return str(event.key())


def _offset(_: Any, record: Record) -> str:
    return str(record.offset)


def _confirmation(event: Any, _: Record) -> str:
    named = (event.key(), event.counterparty_lei, event.confirmation_reference, event.version)
    return ":".join(map(str, named))


def _day(event: Any, _: Record) -> str:
    return f"{event.calendar}:{event.business_date}"


KEPT: Final[dict[str, tuple[str, Callable[[Any, Record], str]]]] = {
    "trade-capture.trades": (
        """
        SELECT record_offset::text FROM trade_version UNION SELECT record_offset::text FROM repair_entry
        UNION SELECT record_offset::text FROM trade_resend
        """,
        _offset,
    ),
    "trade-capture.confirmations": (
        """
        SELECT concat_ws(':', source_system, trade_reference, counterparty_lei, confirmation_reference, version)
        FROM confirmation
        """,
        _confirmation,
    ),
    "trade-capture.employees": ("SELECT employee_id FROM employee", _key),
    "compliance.trades": ("SELECT trade_id::text FROM trade", _key),
    "compliance.reference": (
        "SELECT concat(isin, ':', mic) FROM instrument UNION SELECT lei FROM counterparty",
        _key,
    ),
    "compliance.employees": ("SELECT employee_id FROM employee", _key),
    "settlement.trades": ("SELECT trade_id::text FROM settlement", _key),
    "settlement.csd": ("SELECT instruction_id FROM status_event", _key),
    "settlement.business-days": ("SELECT concat(calendar, ':', business_date) FROM business_day", _day),
    "ledger.trades": ("SELECT trade_id::text FROM booked_trade", _key),
    "ledger.business-days": ("SELECT calendar FROM posting_calendar", _key),
}
"""Where an event that took effect, or did already, is found again: a query of keys, and an event's own."""


def _documents() -> Documents:
    """Return what a CSD may say of an instruction to receive what a plain trade bought."""
    about = INSTRUCTIONS[0]
    instruction = Instruction(
        instruction_id=about,
        movement="RECE",
        isin="US0378331005",
        unit="Unit",
        quantity=Decimal(100),
        amount=Decimal("21051.25"),
        currency="USD",
        settlement_date=date(2026, 11, 24),
        place="DTCYUS33XXX",
    )
    statuses = (
        messages.processing("AckdAccptd") + messages.MATCHED,
        messages.processing("AckdAccptd") + messages.unmatched("CMIS"),
        messages.processing("PdgPrcg"),
        messages.unsettled("Pdg", "LACK"),
        messages.unsettled("Flng", "MONY"),
        messages.processing("Rjctd", "SAFE"),
        messages.processing("Canc", "CANI"),
    )
    parts = (
        ("CSD-1", "100", "21051.25", "0", "0"),
        ("CSD-1", "40", "8420.50", "0", "0"),
        ("CSD-2", "60", "12630.75", "40", "8420.50"),
    )
    return {
        CsdStatusAdvised: [messages.status_advice(about, blocks) for blocks in statuses],
        CsdSettlementConfirmed: [
            messages.confirmation(
                instruction,
                references=[*(["CSD-1"] if former != "0" else []), reference],
                quantity=Decimal(quantity),
                amount=Decimal(amount),
                before=(Decimal(former), Decimal(paid)),
                effective_date=date(2026, 11, 24),
            )
            for reference, quantity, amount, former, paid in parts
        ],
        CsdCancellationAdvised: [
            messages.cancellation_advice(about, "RECE", status, "CANI") for status in ("Canc", "Dnd", "Rjctd")
        ],
    }


DOCUMENTS: Final = _documents()


@dataclass
class Delivery:
    """A service's consumers, handed what was drawn; and what became of it, by kind."""

    resources: Resources
    service: Service
    group: str
    became: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._offsets = itertools.count()
        self._worlds = itertools.count(1)
        self._processors = {
            spec.group: Processor(spec, self.resources.messaging.transactions, DeadLetterCap(window=10**9))
            for spec in self.service.consumers
        }

    async def prepare(self) -> None:
        """Put in place what a firm has before its first trade."""
        if self.service.name == "trade-capture":
            async with self.resources.messaging.transactions.begin() as unit:
                await load_world(unit)
        for contract in BEFORE:
            await self._tell(plainest(contract))

    async def batch(self, drawn: Sequence[Record], *, again: bool) -> None:
        """Deliver a batch, in a world of its own, perhaps twice; look that all of it was kept."""
        number = next(self._worlds)
        names = {WORLD: f"{number:08x}"}
        every = SETTLING_EVERY.get(self.group)
        if every and number % every in (0, 1):
            names = {**await self._at_the_csd(names[WORLD]), **names}
        taken = [_placed(_renamed(record, names), next(self._offsets)) for record in drawn]
        processor = self._processors[self.group]
        read = {
            inbox_id(item): item for record in reversed(taken) if (item := processor.read(record)) is not None
        }
        known = await self._in_the_inbox(read)
        await processor.process(taken)
        assert await self._in_the_inbox(read) == read.keys()
        await self._check({item_id: item for item_id, item in read.items() if item_id not in known})
        self.became.update({"known": len(known), "passed over or twice in its batch": len(taken) - len(read)})
        if again:
            before = await self._written()
            await processor.process(taken)
            assert await self._written() == before

    async def _in_the_inbox(self, ids: Iterable[str]) -> set[str]:
        query = "SELECT event_id::text FROM inbox WHERE consumer = :group AND event_id = ANY(CAST(:ids AS uuid[]))"
        return {row.event_id for row in await self._rows(query, group=self.group, ids=list(ids))}

    async def _at_the_csd(self, world: str) -> dict[str, str]:
        """Send trades to the CSD, ask for one of them back, and return their instructions' ids."""
        trades = [f"{world}-0000-7000-8000-00000000000{number}" for number in range(len(INSTRUCTIONS))]
        for contract in TO_SETTLE:
            for trade in trades:
                await self._tell(plainest(contract, trade_id=trade))
        await self._tell(plainest(TradeCancelled, trade_id=trades[-1], version=2))
        rows = await self._rows(
            "SELECT instruction_id FROM instruction WHERE trade_id = ANY(CAST(:of AS uuid[])) ORDER BY trade_id",
            of=trades,
        )
        assert len(rows) == len(INSTRUCTIONS)
        return {name: row.instruction_id for name, row in zip(INSTRUCTIONS, rows, strict=True)}

    async def _tell(self, event: Event) -> None:
        """Deliver an event to whoever wants it."""
        record = encode(event, event_id=f"before-{next(self._offsets)}", source="urn:test", time=NOW)
        for spec in self.service.consumers:
            if type(event) in spec.contracts:
                await self._processors[spec.group].process([_placed(record, next(self._offsets))])

    async def _check(self, items: dict[str, Item]) -> None:
        """Each new one was applied, or is kept as it came."""
        letters = await self._about("dead_letter", items)
        parked = await self._about("parked_event", items)
        for row in (*letters, *parked):
            _assert_as_it_came(row, items.pop(str(row.inbox_id)))
        for row in letters:
            assert _DATABASE_REFUSED.match(row.reason) or not _CRASHED.match(row.reason), row.reason
        await self._check_kept(items)
        self.became.update({"dead letter": len(letters), "parked": len(parked), "kept": len(items)})

    async def _about(self, table: str, ids: Iterable[str]) -> list[Any]:
        which = "consumer = :group AND inbox_id = ANY(CAST(:ids AS uuid[]))"
        query = f"SELECT * FROM {table} WHERE {which}"  # noqa: S608  constants of ours
        return await self._rows(query, group=self.group, ids=list(ids))

    async def _check_kept(self, items: dict[str, Item]) -> None:
        query, key_of = KEPT[self.group]
        unread = [item for item in items.values() if not isinstance(item, Received)]
        wanted = {key_of(item.event, item.record) for item in items.values() if isinstance(item, Received)}
        wanted |= {str(item.record.offset) for item in unread}
        statement = f"SELECT key FROM ({query}) kept (key) WHERE key = ANY(:keys)"  # noqa: S608  constants of ours
        found = await self._rows(statement, keys=sorted(wanted))
        assert {row.key for row in found} == wanted
        for item in unread:
            rows = await self._rows(
                "SELECT original FROM repair_entry WHERE record_offset = :offset", offset=item.record.offset
            )
            assert [bytes(row.original) for row in rows] in ([], [item.record.value])

    async def _written(self) -> tuple[int, ...]:
        [row] = await self._rows(
            "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM outbox), (SELECT count(*) FROM dead_letter),"
            " (SELECT count(*) FROM parked_event)"
        )
        return tuple(row)

    async def _rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.resources.messaging.transactions.engine.connect() as connection:
            return list(await connection.execute(text(query.replace("::", r"\:\:")), parameters))

    async def check_the_service(self) -> None:
        """What the service publishes can be read, its jobs run, and its API answers."""
        for row in await self._rows("SELECT aggregatetype, aggregateid, payload, headers FROM outbox"):
            if not row.aggregatetype.endswith(".dlq"):
                decode(Record(row.aggregatetype, row.aggregateid.encode(), row.payload, unpack(row.headers)))
        for job in self.service.jobs:
            async with self.resources.messaging.transactions.begin() as unit:
                await job.run(unit)
        async with app_for(self.service) as app, client_for(app, "auditor", *Role) as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
            for path in (
                path for path in paths if "get" in paths[path] and "{" not in path and path != "/readyz"
            ):
                answer = await client.get(
                    path, params={"limit": 1000} if "Page" in json.dumps(paths[path]["get"]) else {}
                )
                assert answer.status_code < 500, (path, answer.text)
                if path == "/control-totals" and self.service.name == "ledger":
                    assert answer.json()["ok"], answer.text


def _placed(record: Record, offset: int) -> Record:
    return msgspec.structs.replace(record, partition=0, offset=offset)


def _renamed(record: Record, names: dict[str, str]) -> Record:
    def renamed(raw: bytes | None) -> bytes | None:
        for name, new in names.items():
            raw = raw and raw.replace(name.encode(), new.encode())
        return raw

    headers = [(name, renamed(value) or b"") for name, value in record.headers]
    return msgspec.structs.replace(
        record, key=renamed(record.key), value=renamed(record.value), headers=headers
    )


def _assert_as_it_came(row: Any, item: Item) -> None:
    record = item.record
    assert (row.topic, row.value, row.record_key) == (record.topic, record.value, record.key)
    if not isinstance(item, Received):
        assert [*map(tuple, unpack(row.headers))] == [*record.headers]


@pytest.mark.parametrize(("entry", "group", "contract"), FUZZED)
def test_whatever_comes_on_a_topic_takes_effect_or_is_kept_as_it_came(
    entry: ServiceEntry, group: str, contract: type[Event], migrated_database: Migrated, kafka: str
) -> None:
    with asyncio.Runner() as runner:
        url = runner.run(migrated_database(entry.migrations))
        service = put_together(entry, FixedClock(NOW), database_url=url, kafka_bootstrap_servers=kafka)
        opened = open_resources(service)
        delivery = Delivery(runner.run(opened.__aenter__()), service, group)
        try:
            runner.run(delivery.prepare())
            try_out(delivery, contract, runner)
            runner.run(delivery.check_the_service())
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert delivery.became["kept"], delivery.became
    print(f"\n{group} {contract.__name__}: {dict(delivery.became)}")  # -s shows it


def try_out(delivery: Delivery, contract: type[Event], runner: asyncio.Runner) -> None:
    """Deliver so many records, most of them of one contract, the others of its consumer's other ones."""
    [spec] = [spec for spec in delivery.service.consumers if spec.group == delivery.group]
    of_each = {each: records(each, DOCUMENTS) for each in spec.contracts}
    any_contract = st.sampled_from(spec.contracts).flatmap(of_each.__getitem__)
    own = of_each[contract]
    record = st.integers(0, 3).flatmap(lambda dice: own if dice else any_contract)

    @settings(
        max_examples=math.ceil(CASES / IN_A_BATCH),
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        backend=BACKEND,
    )
    @given(batch=st.lists(record, min_size=IN_A_BATCH, max_size=IN_A_BATCH), again=st.booleans())
    def deliver(batch: list[Record], again: bool) -> None:
        runner.run(delivery.batch(batch, again=again))

    if not LONG:
        deliver = seed(zlib.crc32(contract.event_type.encode()))(deliver)
    deliver()
