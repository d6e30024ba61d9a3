"""More trades than the platform can take, for a while: does it hold out, and does it catch up?"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Final

import httpx

from backoffice_cli.bench import flow, measure
from backoffice_cli.bench.memory import memory_mb
from backoffice_cli.bench.trades import Cast, trades
from backoffice_cli.platform import Stack
from backoffice_cli.stack.paths import repository_root
from backoffice_events.contracts.frontoffice import TradeExecuted

_PROBES: Final = {
    "trade-capture": "/trades",
    "compliance": "/decisions",
    "settlement": "/settlements",
    "ledger": "/journals",
    "hr": "/employees",
}
_SAMPLE_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 60


@dataclass
class _Watch:
    """Looks at the platform once a second, as its users would, until told to stop."""

    platform: Stack
    booked_before: int
    published: Callable[[], int]
    memory_mb: dict[str, int] = field(default_factory=dict)
    largest_backlog: int = 0
    waits: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    _done: Event = field(default_factory=Event)

    def __enter__(self) -> "_Watch":
        self._thread = Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        limit = httpx.Timeout(_PATIENCE_SECONDS)
        auth = self.platform.auth("auditor")
        with httpx.Client(auth=auth, timeout=limit, trust_env=False) as client:
            while not self._done.wait(_SAMPLE_SECONDS):
                self._look(client)

    def _look(self, client: httpx.Client) -> None:
        for name, size in memory_mb(self.platform).items():
            self.memory_mb[name] = max(size, self.memory_mb.get(name, 0))
        for service, path in _PROBES.items():
            self._ask(client, f"{self.platform.url(service)}{path}")
        booked = measure.taken(self.platform, flow.BOOKED_BY) - self.booked_before
        backlog = self.published() - booked // flow.EVENTS_BOOKED_OF_A_TRADE
        self.largest_backlog = max(self.largest_backlog, backlog)

    def _ask(self, client: httpx.Client, url: str) -> None:
        began = time.perf_counter()
        try:
            self.statuses[str(client.get(url).status_code)] += 1
        except httpx.TransportError as error:
            self.statuses[type(error).__name__] += 1
        self.waits.append(time.perf_counter() - began)

    def api(self) -> dict[str, Any]:
        """Return how the APIs answered. Times in milliseconds."""
        waits = sorted(self.waits)
        return {
            "requests": len(waits),
            "statuses": dict(self.statuses),
            "p50": measure.percentile(waits, 50),
            "p99": measure.percentile(waits, 99),
        }


def run(platform: Stack, factor: float, seconds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Publish at `factor` times what the platform sustains, for `seconds`, and wait until all is booked.

    Raises StackError when it stops booking before.
    """
    cast = Cast.shipped(repository_root() / "data")
    with flow.ready(platform, say) as (running, day):
        say("Finding the rate that the platform sustains")
        sustained = _sustained(running, cast, day)
        rate = round(sustained * factor)
        say(f"Publishing {rate:,} trades a second for {seconds} s; sustained: {sustained:,.0f}")
        made = trades(cast, day, flow.new_run(), rate * seconds)
        return {"sustained_per_second": round(sustained, 1), **_flood(running, made, rate * seconds, rate)}


def _sustained(platform: Stack, cast: Cast, day: Any) -> float:
    """Return the trades a second that are booked when there are always more; the first ones warm it up."""
    rate = 0.0
    for number in (flow.WARM_UP, 10 * flow.WARM_UP):
        made = trades(cast, day, flow.new_run(), number)
        began = time.monotonic()
        flow.through(platform, made, number, None)
        rate = number / (time.monotonic() - began)
    return rate


def _flood(platform: Stack, made: Iterable[TradeExecuted], number: int, rate: int) -> dict[str, Any]:
    before = measure.taken(platform, flow.BOOKED_BY)
    target = before + number * flow.EVENTS_BOOKED_OF_A_TRADE
    at: dict[str, float] = {}
    with _Watch(platform, before, lambda: len(at)) as watch:
        began = time.monotonic()
        asyncio.run(flow.publish(platform.bootstrap_servers, made, rate, at))
        published = time.monotonic()
        backlog = (target - measure.taken(platform, flow.BOOKED_BY)) // flow.EVENTS_BOOKED_OF_A_TRADE
        flow.wait_until_booked(platform, target)
        drained = time.monotonic()
    return {
        "trades": number,
        "published_per_second": round(number / (published - began), 1),
        "publishing_seconds": round(published - began, 1),
        "largest_backlog": watch.largest_backlog,
        "backlog_when_published": backlog,
        "drained_per_second": round(backlog / (drained - published), 1),
        "draining_seconds": round(drained - published, 1),
        "memory_mb": watch.memory_mb,
        "api_ms": watch.api(),
    }
