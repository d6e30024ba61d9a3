"""The run: prepare, warm up, publish, wait until the ledger has booked every settlement, measure."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from backoffice_cli.bench import measure
from backoffice_cli.bench.commits import committed
from backoffice_cli.bench.limit import physical_limit
from backoffice_cli.bench.memory import memory_mb
from backoffice_cli.bench.trades import CALENDAR, Cast, trades
from backoffice_cli.bench.yardsticks import yardsticks
from backoffice_cli.demo import days as first_days
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import Stack, every_page
from backoffice_cli.reference_data.firm import load_shipped
from backoffice_cli.stack import simulators
from backoffice_cli.stack.control import run_simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.traces.publishing import publication_traced
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.ids import new_id
from backoffice_events.publisher import Publisher

Say = Callable[[str], None]

BOOKED_BY: Final = "ledger.trades"
EVENTS_BOOKED_OF_A_TRADE: Final = 2
WARM_UP: Final = 1_000
_CHUNK: Final = 500
_TICK_SECONDS: Final = 0.02
_POLL_SECONDS: Final = 1.0
_STALLED_SECONDS: Final = 60
_AT_MOST_SECONDS: Final = 300
TRACED: Final = 0.01
"""Share of the trades that begin a trace, on a stack that keeps traces."""

SWITCHES: Final = {"csd": (), "counterparties": ("--delay-seconds=0",)}


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: when, by trade reference, in seconds since 1970."""

    at: dict[str, float]

    @property
    def first(self) -> float:
        """Return when the first was."""
        return min(self.at.values())


def run(platform: Stack, number: int, rate: int | None, say: Say) -> dict[str, Any]:
    """Measure a running platform and return the figures. Raises StackError when not every trade gets through.

    rate: trades a second; None: as fast as they are taken.
    """
    with (
        ready(platform, say) as (running, day),
        publication_traced(running.otlp_endpoint, TraceIdRatioBased(TRACED)),
    ):
        return _measured(running, day, number, rate, say)


@contextmanager
def ready(platform: Stack, say: Say) -> Iterator[tuple[Stack, date]]:
    """Bring in what trades need, with simulators that answer at once; yield the platform and the open business day."""
    wanted_before = simulators.wanted(platform.folder)
    day = prepare(platform, say)
    run_simulators(platform.folder, SWITCHES)
    try:
        yield Stack.running(platform.folder), day
    finally:
        run_simulators(platform.folder, wanted_before)


def prepare(platform: Stack, say: Say) -> date:
    """Bring in what a firm needs, as far as it is not there, and return the open business day."""
    with platform.client("trade-capture", "operations") as client:
        open_days = _open_days(client)
    if not open_days:
        load_shipped(platform, say)
        first_days.open_days(platform, say)
        Quiet(platform, lambda _: None).wait(still_for=2, at_most=_AT_MOST_SECONDS)
    with platform.client("trade-capture", "operations") as client:
        day = _open_days(client).get(CALENDAR)
    if day is None:
        raise StackError(
            f"The business day of {CALENDAR} is closed.", f"Open it: backoffice day open {CALENDAR} --date …"
        )
    return day


def _open_days(client: Any) -> dict[str, date]:
    return {
        row["calendar"]: date.fromisoformat(row["business_date"])
        for row in every_page(client, "/reference/business-days")
        if row["status"] == "OPEN"
    }


def _measured(platform: Stack, day: date, number: int, rate: int | None, say: Say) -> dict[str, Any]:
    cast = Cast.shipped(repository_root() / "data")
    say(f"Warming up with {WARM_UP:,} trades")
    through(platform, trades(cast, day, new_run(), WARM_UP), WARM_UP, None)
    made = list(trades(cast, day, new_run(), number))
    cpu_before, batches_before = measure.cpu_seconds(platform), measure.batches(platform)
    say(f"Publishing {number:,} trades" + (f" at {rate:,} a second" if rate else ""))
    published = through(platform, made, number, rate)
    cpu_after, batches_after = measure.cpu_seconds(platform), measure.batches(platform)
    memory = memory_mb(platform)
    say("Reading when each trade was booked")
    trade_date, settlement = asyncio.run(
        committed(platform, list(published.at), ("TRADE_DATE", "SETTLEMENT"))
    )
    say("Measuring what this machine does without the platform")
    began = datetime.fromtimestamp(published.first, UTC)
    limit = asyncio.run(physical_limit(platform, began, number))
    reference = asyncio.run(yardsticks(platform))
    seconds = max(moment.timestamp() for moment in settlement.values()) - published.first
    return {
        "trades": number,
        "applied": len(settlement),
        "applied_per_second": round(len(settlement) / seconds, 1),
        "seconds": round(seconds, 2),
        "latency_ms": {
            "trade_date_journal": measure.percentiles(published.at, trade_date),
            "settlement_journal": measure.percentiles(published.at, settlement),
        },
        "cpu_us_per_trade": measure.cpu_us_per_trade(cpu_before, cpu_after, number),
        "batch_size": measure.mean_batch_sizes(batches_before, batches_after),
        "memory_mb": memory,
        "reference": {**reference, "cpu_us_per_trade": limit},
    }


def new_run() -> str:
    """Return a word that no run before had."""
    return new_id().replace("-", "")[-12:]


def through(platform: Stack, made: Iterable[TradeExecuted], number: int, rate: int | None) -> Published:
    """Publish trades and return once the ledger has taken both events of each."""
    before = measure.taken(platform, BOOKED_BY)
    at: dict[str, float] = {}
    asyncio.run(publish(platform.bootstrap_servers, made, rate, at))
    wait_until_booked(platform, before + number * EVENTS_BOOKED_OF_A_TRADE)
    return Published(at)


async def publish(
    bootstrap_servers: str, made: Iterable[TradeExecuted], rate: int | None, at: dict[str, float]
) -> None:
    """Publish in chunks: of a fixed size, or at a steady pace whatever the broker's answers take.

    at: is told when each trade was published, by its reference, as it happens.
    """
    rest = iter(made)
    async with Publisher(brokers=Brokers(bootstrap_servers), source="urn:frontoffice:bench") as publisher:
        started = time.perf_counter()
        while True:
            due = _CHUNK if rate is None else max(1, int((time.perf_counter() - started) * rate) - len(at))
            chunk = list(islice(rest, due))
            if not chunk:
                return
            now = time.time()
            at.update((trade.trade_reference, now) for trade in chunk)
            await publisher.publish_many(chunk)
            if rate is not None:
                await asyncio.sleep(_TICK_SECONDS)


def wait_until_booked(platform: Stack, target: int) -> None:
    """Wait on the ledger's own count. Raises StackError when it stands still, telling where trades hang."""
    seen, since = -1, time.monotonic()
    while (now := measure.taken(platform, BOOKED_BY)) < target:
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STALLED_SECONDS:
            raise StackError(
                f"The ledger booked nothing for {_STALLED_SECONDS} s; {target - now} events are missing.",
                "See what holds them: backoffice reconcile",
            )
        time.sleep(_POLL_SECONDS)
