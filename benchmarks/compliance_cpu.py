"""CPU that compliance takes to judge one trade, on a real database: `benchmarks/compliance_cpu.py`.

Prints JSON: microseconds of CPU a trade, of this process and of PostgreSQL. Trades are decoded from bytes, judged in
batches under the rules that ship, and their decisions written to the outbox, as the service does; Kafka's own client is
left out. Counterparties, instruments, traders and books are as many as the demo has.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psutil
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.testing import engine_for
from backoffice_cli.stack.testing import Migrated, PostgresServer, shared_server
from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts.hr import Employee, EmployeeHired, Employment, EmploymentStatus, Licence
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import SettlementParties, Trade, TradeCaptured
from backoffice_events.contracts.vocabulary import InstrumentType, Measurement, Side
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, UnitOfWork
from backoffice_events.records import Record
from compliance.checks.handlers import Judge
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules import changes
from compliance.rules.changes import ProposedRule
from compliance.rules.repository import RulebookReader
from compliance.rules.schemas import ChangeProposal, terms_of
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

ROOT = Path(__file__).parents[1]
RULES = ROOT / "services/compliance/defaults/rules.json"
NOW = datetime(2024, 8, 8, 15, tzinfo=UTC)
DAY = date(2024, 8, 8)
PARTIES, INSTRUMENTS, TRADERS, BOOKS = 476, 200, 12, 6


def _reference() -> list[InstrumentChanged | CounterpartyChanged]:
    instruments = [
        InstrumentChanged(
            isin=f"US{number:09d}0",
            mic="XNAS",
            version=1,
            name=f"Share {number}",
            cfi="ESVUFR",
            instrument_type=InstrumentType.EQUITY,
            currency="USD",
            active=True,
            reference_price=Decimal("10.00"),
            price_date=DAY,
        )
        for number in range(INSTRUMENTS)
    ]
    parties = [
        CounterpartyChanged(
            lei=f"{number:020d}",
            version=1,
            name=f"Broker {number}",
            bic="CHASUS33XXX",
            country="US",
            active=True,
        )
        for number in range(PARTIES)
    ]
    return [*instruments, *parties]


def _employees() -> list[EmployeeHired]:
    begun = date(2020, 1, 1)
    return [
        EmployeeHired(
            employee=Employee(
                employee_id=f"E-{number}",
                version=1,
                department="Trading",
                employment=(Employment(status=EmploymentStatus.EMPLOYED, effective_from=begun),),
                licences=(Licence(product=InstrumentType.EQUITY, valid_from=begun),),
            )
        )
        for number in range(TRADERS)
    ]


_PARTIES = SettlementParties(
    place_of_settlement="DTCYUS33XXX",
    agent_bic="IRVTUS3NXXX",
    safekeeping_account="A-1",
    cash_account="C-1",
    counterparty_bic="CHASUS33XXX",
    counterparty_agent_bic="CHASUS33XXX",
    counterparty_account="A-2",
)


def _trade(number: int, draw: random.Random) -> Trade:
    quantity, price = Decimal(draw.randrange(1, 500)), Decimal(draw.randrange(950, 1050)) / 100
    return Trade(
        trade_id=new_id(),
        version=1,
        source_system="equities",
        trade_reference=f"T-{number}",
        source_version=1,
        side=draw.choice((Side.BUY, Side.SELL)),
        isin=f"US{draw.randrange(INSTRUMENTS):09d}0",
        instrument_type=InstrumentType.EQUITY,
        mic="XNAS",
        quantity=quantity,
        price=price,
        currency="USD",
        gross_amount=quantity * price,
        charges=(),
        accrued_interest=Decimal(0),
        net_amount=quantity * price,
        trade_date=DAY,
        executed_at=NOW + timedelta(microseconds=number),
        settlement_date=date(2024, 8, 9),
        settlement_calendar="US",
        book=f"B-{draw.randrange(BOOKS)}",
        entity_lei="549300MLUDYVRQOOXS22",
        measurement=Measurement.FVTPL,
        trader=f"E-{draw.randrange(TRADERS)}",
        counterparty_lei=f"{draw.randrange(PARTIES):020d}",
        counterparty_name="Broker",
        settlement_parties=_PARTIES,
    )


async def _prepare(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await on_reference(Batch.of(connection, _reference()))
        await on_employees(Batch.of(connection, _employees()))
        unit = UnitOfWork(connection, now=NOW, source="urn:benchmark")
        await Screener(IndexReader()).screen_stale(unit)
        proposal = ChangeProposal.model_validate(json.loads(RULES.read_text()))
        rows = [_row(rule) for rule in proposal.rules if rule.kind != "screening-policy"]
        proposed = await changes.propose(unit, rows, "benchmark", "maker")
        await changes.put_into_force(
            unit, msgspec.structs.replace(proposed, decided_by="checker", decided_at=NOW)
        )


def _row(rule: Any) -> ProposedRule:
    terms = terms_of(rule)
    dates = {"valid_from": rule.valid_from, "valid_to": rule.valid_to, "active": rule.active}
    return ProposedRule(kind=rule.kind, subject=terms.subject, terms=terms, **dates)


async def _judge(engine: AsyncEngine, judge: Judge, records: Sequence[Record], size: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for first in range(0, len(records), size):
        received = [decode(record) for record in records[first : first + size]]
        async with engine.begin() as connection:
            batch = Batch(connection, received, now=NOW, source="urn:backoffice:compliance")
            await judge.on_trades(batch)
            await batch.flush()
        outcomes.update(type(event).__name__ for event in batch.published)
    return outcomes


def _postgres_seconds(holder: psutil.Process) -> float:
    times = [process.cpu_times() for process in holder.children(recursive=True)]
    return sum(each.user + each.system for each in times)


async def run(folder: Path, trades: int, size: int) -> dict[str, Any]:
    """Start a database and measure; a first run warms up."""
    server = shared_server("postgres", folder, os.getpid())
    holder = psutil.Process(int(server["pid"]))
    migrated = Migrated(PostgresServer(int(server["port"])), folder)
    engine = engine_for(await migrated(ROOT / "services/compliance/migrations"))
    await _prepare(engine)
    judge, draw = Judge(RulebookReader()), random.Random(1)  # noqa: S311 - a repeatable load, no secret
    records = [
        encode(TradeCaptured(trade=_trade(number, draw)), event_id=new_id(), source="urn:benchmark", time=NOW)
        for number in range(trades + 1000)
    ]
    await _judge(engine, judge, records[:1000], size)
    gc.collect()
    gc.freeze()  # as the service's process does
    gc.set_threshold(50_000, 20, 100)
    ours, theirs = time.process_time(), _postgres_seconds(holder)
    outcomes = await _judge(engine, judge, records[1000:], size)
    ours, theirs = time.process_time() - ours, _postgres_seconds(holder) - theirs
    await engine.dispose()
    return {
        "trades": trades,
        "batch": size,
        "outcomes": dict(outcomes),
        "cpu_us_per_trade": {
            "compliance": round(ours / trades * 1e6, 1),
            "postgresql": round(theirs / trades * 1e6, 1),
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backoffice-benchmark-") as folder:
        Path(folder).chmod(0o711)
        found = asyncio.run(run(Path(folder), arguments.trades, arguments.batch))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
