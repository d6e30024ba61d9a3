"""What a trade costs as the databases fill: the same measurement at growing numbers of trades."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from backoffice_cli.bench import flow, measure
from backoffice_cli.bench.limit import events_alone
from backoffice_cli.bench.memory import memory_mb
from backoffice_cli.bench.trades import Cast, trades
from backoffice_cli.platform import Stack
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.ports import LOOPBACK

MEASURED_WITH: Final = 10_000
"""Trades of one measurement: enough that warm-up and the last batch do not show."""


def run(platform: Stack, up_to: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill the databases with trades and return what one costs on the way. Raises StackError when one hangs."""
    cast = Cast.shipped(repository_root() / "data")
    curve: list[dict[str, Any]] = []
    with flow.ready(platform, say) as (running, day):
        for goal in goals(up_to):
            there = _trades_there(running)
            if goal > there:
                say(f"Filling up to {goal:,} trades")
                flow.through(running, trades(cast, day, flow.new_run(), goal - there), goal - there, None)
            curve.append(_point(running, cast, day))
            say(f"{curve[-1]['trades_there']:,} trades: {curve[-1]['cpu_us_per_trade']['total']} µs a trade")
    return {"curve": curve, **last_to_first(curve)}


def last_to_first(curve: list[dict[str, Any]]) -> dict[str, float]:
    """Return how much dearer a trade is in the end, by itself and beside what the machine took at those moments."""
    first, last = (point["cpu_us_per_trade"]["total"] for point in (curve[0], curve[-1]))
    then, now = (sum(point["reference"]["cpu_us_per_trade"].values()) for point in (curve[0], curve[-1]))
    return {
        "last_to_first": round(last / first, 3),
        "last_to_first_by_reference": round(last / now / (first / then), 3),
    }


def goals(up_to: int) -> Iterator[int]:
    """Yield 10,000, 20,000, 50,000, 100,000 … up to the number asked for, which comes last."""
    size = 10_000
    while True:
        for step in (1, 2, 5):
            if size * step >= up_to:
                yield up_to
                return
            yield size * step
        size *= 10


def _point(platform: Stack, cast: Cast, day: Any) -> dict[str, Any]:
    there = _trades_there(platform)
    made = list(trades(cast, day, flow.new_run(), MEASURED_WITH))
    before = measure.cpu_seconds(platform)
    published = flow.through(platform, made, MEASURED_WITH, None)
    after = measure.cpu_seconds(platform)
    began = datetime.fromtimestamp(published.first, UTC)
    return {
        "trades_there": there,
        "cpu_us_per_trade": measure.cpu_us_per_trade(before, after, MEASURED_WITH),
        "memory_mb": memory_mb(platform),
        "database_mb": round(_ask(platform, "postgres", _SIZE) / 1e6),
        "reference": {"cpu_us_per_trade": asyncio.run(events_alone(platform, began, MEASURED_WITH))},
    }


_SIZE = "SELECT sum(pg_database_size(oid)) FROM pg_database"


def _trades_there(platform: Stack) -> int:
    return int(_ask(platform, "trade_capture", "SELECT count(*) FROM trade"))


def _ask(platform: Stack, database: str, query: str) -> float:
    password, port = platform.plan.admin_password, platform.plan.ports["postgres"]
    return asyncio.run(_answer(f"postgresql://postgres:{password}@{LOOPBACK}:{port}/{database}", query))


async def _answer(url: str, query: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        return float(await connection.fetchval(query))
    finally:
        await connection.close()
