"""What the messaging library costs: CPU microseconds of Python per event, by stage, on a real broker and database.

    python benchmarks/messaging_cost.py --events 20000

starts a broker and a database of its own, publishes trades, lets one consumer take each and publish one event in turn,
and prints JSON. `cpu_us_per_event` is the process's own user and system time; broker and database are not in it.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_cli.stack.testing import PostgresServer, shared_server
from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts.compliance import COMPLIANCE_DECISIONS, TradeCleared
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES, TradeExecuted
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec, Messaging, schema
from backoffice_events.publisher import Publisher

GROUP = "bench.trades"


def trades(number: int) -> list[TradeExecuted]:
    """Return different trades of usual size."""
    return [
        TradeExecuted(
            source_system="BENCH",
            trade_reference=f"T-{each}",
            version=1,
            side=Side.BUY,
            isin="US0378331005",
            mic="XNAS",
            quantity=Decimal(100),
            price=Decimal("190.25"),
            currency="USD",
            trade_date=date(2024, 6, 3),
            executed_at=datetime(2024, 6, 3, 14, 30, tzinfo=UTC),
            book="EQ1",
            trader="E-1001",
            counterparty_lei="549300SMVCQN2P0O6I58",
        )
        for each in range(number)
    ]


class Cost:
    """CPU microseconds by stage."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.by_stage: dict[str, float] = {}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Charge what runs inside to a stage."""
        began = time.process_time()
        yield
        self.by_stage[stage] = round((time.process_time() - began) / self.events * 1e6, 1)


def measure_codec(cost: Cost, events: list[TradeExecuted]) -> None:
    """Encode and decode without any I/O."""
    now = datetime.now(UTC)
    with cost.of("encode"):
        records = [encode(event, event_id=new_id(), source="urn:bench", time=now) for event in events]
    decode(records[0])
    with cost.of("decode"):
        for record in records:
            decode(record)


async def measure_road(
    cost: Cost, engine: AsyncEngine, kafka: str, events: list[TradeExecuted]
) -> dict[str, Any]:
    """Publish, then consume and publish one event for each, until the outbox is empty."""
    sizes: list[int] = []
    done = asyncio.Event()

    async def clear(batch: Batch) -> None:
        sizes.append(len(batch.events))
        if sum(sizes) == len(events):
            done.set()
        for received in batch.events:
            decision = new_id()
            batch.publish(
                TradeCleared(trade_id=decision, trade_version=1, decision_id=decision, decision_version=1),
                cause=received,
            )

    async with Publisher(brokers=Brokers(kafka), source="urn:bench") as publisher:
        with cost.of("publish_many"):
            for first in range(0, len(events), 2000):
                await publisher.publish_many(events[first : first + 2000])
    messaging = Messaging(
        engine,
        brokers=Brokers(kafka),
        source="urn:backoffice:bench",
        clock=lambda: datetime.now(UTC),
        consumers=[ConsumerSpec(GROUP, (TradeExecuted,), clear)],
    )
    began = time.monotonic()
    with cost.of("consume_and_publish"):
        await messaging.start()
        await done.wait()
        while (await messaging.status()).outbox_pending:  # noqa: ASYNC110 -- the relay tells nobody
            await asyncio.sleep(0.1)
    seconds = time.monotonic() - began
    with cost.of("idle_second"):
        await asyncio.sleep(5)
    cost.by_stage["idle_second"] = round(cost.by_stage["idle_second"] * cost.events / 5)
    await messaging.stop()
    return {"events_per_second": round(len(events) / seconds), "mean_batch": round(statistics.mean(sizes))}


async def run(options: argparse.Namespace, postgres: PostgresServer, kafka: str) -> dict[str, Any]:
    """Prepare topics and a database, measure, and return the figures."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics(
        [NewTopic(t.name, t.partitions, 1) for t in (FRONTOFFICE_TRADES, COMPLIANCE_DECISIONS)]
    )
    await admin.close()
    name = f"bench_{secrets.token_hex(4)}"
    maintenance = create_async_engine(postgres.url("postgres", "postgres"), isolation_level="AUTOCOMMIT")
    async with maintenance.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await maintenance.dispose()
    engine = create_async_engine(postgres.url("postgres", name))
    async with engine.begin() as connection:
        await connection.run_sync(schema.metadata.create_all)
    events, cost = trades(options.events), Cost(options.events)
    measure_codec(cost, events)
    road = await measure_road(cost, engine, kafka, events)
    await engine.dispose()
    idle = cost.by_stage.pop("idle_second")
    return {
        "events": options.events,
        "cpu_us_per_event": cost.by_stage,
        "idle_cpu_us_per_second": idle,
        **road,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        session = Path(folder)
        session.chmod(0o711)
        servers = {what: shared_server(what, session, os.getpid()) for what in ("postgres", "kafka")}
        postgres = PostgresServer(int(servers["postgres"]["port"]))
        print(
            json.dumps(asyncio.run(run(options, postgres, servers["kafka"]["bootstrap_servers"])), indent=2)
        )


if __name__ == "__main__":
    main()
