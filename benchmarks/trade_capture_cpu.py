"""CPU microseconds that trade-capture takes per trade: capture and confirmation, in batches, on a real PostgreSQL.

    .venv/bin/python benchmarks/trade_capture_cpu.py --trades 10000 --batch 500

Prints JSON. Measured is the CPU of the handlers in this process: domain, SQL driver, encoding and outbox of what they
publish. PostgreSQL's own CPU, decoding of consumed records, the inbox and the commit are not in it. The garbage
collector is set as the services set it.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.testing import engine_for
from backoffice_cli.stack.testing import Migrated, PostgresServer, shared_server
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.trading import TradeCaptured, TradeConfirmed
from backoffice_events.messaging import Batch
from trade_capture.confirmation import handlers as confirmations
from trade_capture.main import MIGRATIONS
from trade_capture.testing import NOW, FixedReference, confirming, executed
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer

Handle = Callable[[Batch], Awaitable[None]]


async def measure(engine: AsyncEngine, names: str, trades: int, size: int) -> dict[str, float]:
    """Capture and confirm the trades; return CPU microseconds per trade for each."""
    capture = TradeConsumer(Capture(FixedReference(), max_trade_age=10, max_settlement_lag=90)).handle
    spent = {"capture": 0.0, "confirmation": 0.0}
    for start in range(0, trades, size):
        stated = [_trade(names, number) for number in range(start, min(start + size, trades))]
        seconds, published = await _handle(engine, capture, stated)
        spent["capture"] += seconds
        sent = [confirming(event.trade) for event in published if isinstance(event, TradeCaptured)]
        if len(sent) != len(stated):
            raise AssertionError(f"{len(stated)} trades stated, {len(sent)} captured")
        seconds, published = await _handle(engine, confirmations.handle, sent)
        spent["confirmation"] += seconds
        if sum(isinstance(event, TradeConfirmed) for event in published) != len(stated):
            raise AssertionError("not every trade was confirmed")
    return {name: seconds / trades * 1e6 for name, seconds in spent.items()}


def _trade(names: str, number: int) -> Event:
    return executed(
        f"{names}-{number:09}",
        quantity=Decimal(100 + number % 900),
        price=Decimal(20_000 + number % 997) / 100,
        executed_at=NOW - timedelta(seconds=number % 3600),
    )


async def _handle(
    engine: AsyncEngine, handle: Handle, events: Sequence[Event]
) -> tuple[float, Sequence[Event]]:
    async with engine.connect() as connection, connection.begin():
        batch = Batch.of(connection, events, now=NOW)
        start = time.process_time()
        await handle(batch)
        await batch.flush()
        return time.process_time() - start, batch.published


async def _run(arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    server = PostgresServer(int(shared_server("postgres", folder, os.getpid())["port"]))
    url = await Migrated(server, folder)(MIGRATIONS)
    engine = engine_for(url)
    try:
        await measure(engine, "W", arguments.batch, arguments.batch)  # plans and caches are warm after it
        profile = cProfile.Profile() if arguments.profile else None
        if profile:
            profile.enable()
        result = await measure(engine, "T", arguments.trades, arguments.batch)
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return result
    finally:
        await engine.dispose()


def main() -> None:
    """Measure as the arguments say and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    arguments = parser.parse_args()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with tempfile.TemporaryDirectory(prefix="backoffice-bench-") as session:
        folder = Path(session)
        folder.chmod(0o711)  # the database runs as another user when this runs as root
        result = asyncio.run(_run(arguments, folder))
    figures = {f"{name}_cpu_us_per_trade": round(each, 1) for name, each in result.items()}
    total = round(sum(result.values()), 1)
    print(json.dumps({**vars(arguments), **figures, "total_cpu_us_per_trade": total}))


if __name__ == "__main__":
    main()
