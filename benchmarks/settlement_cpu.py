"""CPU that settlement and the CSD simulator take for one trade, on a real database: `benchmarks/settlement_cpu.py`.

Prints JSON: microseconds of Python CPU a trade, by stage. Each stage decodes events from bytes, handles them in batches
and writes the outbox, as the service does; Kafka's own client is left out. PostgreSQL's CPU is another process's.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.testing import engine_for
from backoffice_cli.stack.testing import Migrated, PostgresServer, shared_server
from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.csd import CsdInstructionSent
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec
from backoffice_events.records import Record
from settlement.advices.handlers import CONSUMER as ADVICES
from settlement.business_days.handlers import CONSUMER as BUSINESS_DAYS
from settlement.processes.handlers import CONSUMER as FACTS
from simulators.csd.behaviour import Behaviour, Phase, Rates
from simulators.csd.depository import Depository

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "services/settlement/tests"))
import settlement_samples as sample  # noqa: E402 - after the path was set

NOW = datetime(2024, 6, 4, 15, tzinfo=UTC)


def prepared(events: Sequence[Event]) -> list[Record]:
    """Return events as they arrive, and keep the collector from counting what only the benchmark holds."""
    records = records_of(events)
    gc.collect()
    gc.freeze()
    return records


def records_of(events: Sequence[Event]) -> list[Record]:
    """Return events as they leave."""
    return [encode(event, event_id=new_id(), source="urn:benchmark", time=NOW) for event in events]


class Stages:
    """Measures what is called under a name, in CPU of this process."""

    def __init__(self, engine: AsyncEngine, trades: int, size: int) -> None:
        self._engine = engine
        self._trades = trades
        self._size = size
        self.microseconds: dict[str, float] = {}

    def _measured(self, name: str, started: float) -> None:
        self.microseconds[name] = round((time.process_time() - started) / self._trades * 1e6, 1)

    async def handle(self, name: str, spec: ConsumerSpec, events: Sequence[Event]) -> list[Event]:
        """Let a consumer take events, batch by batch, and return what it published."""
        records = prepared(events)
        published: list[Event] = []
        started = time.process_time()
        for first in range(0, len(records), self._size):
            received = [decode(record) for record in records[first : first + self._size]]
            async with self._engine.begin() as connection:
                batch = Batch(connection, received, now=NOW, source="urn:backoffice:settlement")
                await spec.handle(batch)
                await batch.flush()
            published += batch.published
        self._measured(name, started)
        return published

    def simulate(
        self, name: str, act: Callable[[Event], list[Event]], events: Sequence[Event]
    ) -> list[Event]:
        """Let the simulator answer events, from bytes to bytes."""
        records = prepared(events)
        started = time.process_time()
        answers = [answer for record in records for answer in act(decode(record).event)]
        records_of(answers)
        self._measured(name, started)
        return answers


def depository() -> Depository:
    """Return a CSD without faults on the settlement date."""
    csd = Depository(Behaviour(Rates(), "1"))
    csd.learn_place(sample.PARTIES.place_of_settlement, "US")
    csd.turn("US", date(2024, 6, 4), Phase.OPEN)
    return csd


async def measure(engine: AsyncEngine, trades: int, size: int) -> dict[str, float]:
    """Take so many trades from captured to settled."""
    stages, csd = Stages(engine, trades, size), depository()
    terms = [sample.trade() for _ in range(trades)]
    await stages.handle("captured", FACTS, [sample.captured(one) for one in terms])
    await stages.handle("cleared", FACTS, [sample.cleared(one.trade_id) for one in terms])
    confirmed = [sample.confirmed(one.trade_id) for one in terms]
    sent = await stages.handle("confirmed_and_instructed", FACTS, confirmed)

    def act(event: Event) -> list[Event]:
        assert isinstance(event, CsdInstructionSent)  # noqa: S101
        return [said.advice for said in csd.instruct(event.message_id, event.document)]

    advices = stages.simulate("csd_simulator", act, sent)
    settled = await stages.handle("advised_and_settled", ADVICES, advices)
    if len(settled) != trades:
        raise SystemExit(f"{len(settled)} of {trades} trades settled")
    return stages.microseconds


async def run(folder: Path, trades: int, size: int) -> dict[str, float]:
    """Start a database and measure twice: the first run warms up."""
    port = int(shared_server("postgres", folder, os.getpid())["port"])
    migrated = Migrated(PostgresServer(port), folder)
    engine = engine_for(await migrated(ROOT / "services/settlement/migrations"))
    async with engine.begin() as connection:
        await BUSINESS_DAYS.handle(Batch.of(connection, [sample.opened(sample.SETTLEMENT_DATE)]))
    await measure(engine, min(trades, 1000), size)
    found = await measure(engine, trades, size)
    await engine.dispose()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backoffice-benchmark-") as folder:
        Path(folder).chmod(0o711)
        found = asyncio.run(run(Path(folder), arguments.trades, arguments.batch))
    service = sum(value for name, value in found.items() if name != "csd_simulator")
    result = {
        "trades": arguments.trades,
        "batch": arguments.batch,
        "cpu_us_per_trade": {**found, "settlement": round(service, 1)},
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
