"""What a trace costs the process that takes part in it: CPU microseconds for an event and for a statement.

    python benchmarks/span_cost.py --rounds 50

sends spans to the receiver that the embedded stack has, a process of its own. Batches of 500 events of which five are
sampled go by turns with batches of which none is; statements that are traced by turns with statements that are not. It
prints JSON: the median of the rounds' differences, exporting included. An event's share of its batch's span is in its
cost.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis.settings import ServiceSettings
from backoffice_chassis.telemetry import Telemetry
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from backoffice_cli.stack.processes import RECEIVER_MODULE
from backoffice_cli.stack.testing import PostgresServer, shared_server
from backoffice_events.cloudevents import Received, decode, encode
from backoffice_events.contracts.compliance import TradeCleared
from backoffice_events.ids import new_id
from backoffice_events.messaging.telemetry import batch_span

BATCH: Final = 500
SAMPLED_OF_BATCH: Final = 5
BATCHES: Final = 50
STATEMENTS: Final = 200
"""Batches and statements of one round, whose spans are sent together, as a service's are that works at full load."""


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """Start who takes the spans; return its address."""
    [port] = draw_ports(1)
    process = subprocess.Popen([sys.executable, "-m", RECEIVER_MODULE, str(port)])  # noqa: S603 -- our own
    address = f"http://{LOOPBACK}:{port}"
    try:
        httpx.Client(transport=httpx.HTTPTransport(retries=8)).get(f"{address}/livez").raise_for_status()
        yield address
    finally:
        process.terminate()
        process.wait()


def batch(sampled: int) -> list[Received[TradeCleared]]:
    """Return decoded events, the first of which belong to traces that are recorded, each to its own."""
    return [_event(each < sampled) for each in range(BATCH)]


def _event(sampled: bool) -> Received[TradeCleared]:
    event = TradeCleared(trade_id=new_id(), trade_version=1, decision_id=new_id(), decision_version=1)
    header = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01" if sampled else None
    return decode(
        encode(event, event_id=new_id(), source="urn:bench", time=datetime.now(UTC), traceparent=header)
    )


def seconds_of_batches(telemetry: Telemetry, events: Sequence[Received[TradeCleared]]) -> float:
    """Return the CPU of batches that nothing is done with but to span them, until the spans are sent."""
    began = time.process_time()
    for _ in range(BATCHES):
        with batch_span("bench", events):
            pass
    telemetry.tracing.force_flush()
    return time.process_time() - began


async def seconds_of_statements(telemetry: Telemetry, engine: AsyncEngine) -> float:
    """Return the CPU of statements in a recorded span, whether or not their engine is traced."""
    async with engine.connect() as connection:
        began = time.process_time()
        with telemetry.tracing.get_tracer("bench").start_as_current_span("batch"):
            for _ in range(STATEMENTS):
                await connection.execute(text("SELECT 1"))
        telemetry.tracing.force_flush()
        return time.process_time() - began


async def run(rounds: int, settings: ServiceSettings) -> dict[str, float]:
    """Measure by turns, with spans and without."""
    plain, traced = create_async_engine(settings.database_url), create_async_engine(settings.database_url)
    telemetry = Telemetry.start("bench", settings)
    telemetry.trace_statements(traced)
    sampled, unsampled = batch(SAMPLED_OF_BATCH), batch(0)
    events = [
        seconds_of_batches(telemetry, sampled) - seconds_of_batches(telemetry, unsampled)
        for _ in range(rounds)
    ]
    statements = [
        await seconds_of_statements(telemetry, traced) - await seconds_of_statements(telemetry, plain)
        for _ in range(rounds)
    ]
    await plain.dispose()
    await traced.dispose()
    telemetry.stop()
    return {
        "us_per_sampled_event": round(statistics.median(events) / BATCHES / SAMPLED_OF_BATCH * 1e6, 1),
        "us_per_traced_statement": round(statistics.median(statements) / STATEMENTS * 1e6, 1),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, receiver() as otlp_endpoint:
        session = Path(folder)
        session.chmod(0o711)
        postgres = PostgresServer(int(shared_server("postgres", session, os.getpid())["port"]))
        settings = ServiceSettings(
            database_url=postgres.url("postgres", "postgres"),
            otlp_endpoint=otlp_endpoint,
            trace_sample_ratio=1,
            issuer_url="http://issuer",
            audit_key=base64.b64encode(os.urandom(32)).decode(),
        )
        print(json.dumps({"rounds": rounds, **asyncio.run(run(rounds, settings))}))


if __name__ == "__main__":
    main()
