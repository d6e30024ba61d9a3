"""Every metric of a service's edge. Names follow OpenTelemetry's HTTP and database conventions."""

from collections.abc import Iterator
from typing import Final
from weakref import WeakSet

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from backoffice_events.metrics import Declarations

METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"

METRICS: Final = Declarations("backoffice_chassis")

REQUEST_SECONDS: Final = METRICS.histogram(
    "http.server.request.duration",
    unit="s",
    labels=(METHOD, ROUTE, STATUS),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    meaning="Time from a request's first byte to its answer. No route: a path that there is none for.",
)

_engines: Final["WeakSet[AsyncEngine]"] = WeakSet()


def observe(engine: AsyncEngine) -> None:
    """Report on an engine's connections from now on."""
    _engines.add(engine)


def _pools() -> Iterator[QueuePool]:
    for engine in list(_engines):
        if isinstance(engine.pool, QueuePool):
            yield engine.pool


def _connections() -> Iterator[tuple[tuple[str, ...], float]]:
    for pool in _pools():
        yield ("used",), pool.checkedout()
        yield ("idle",), pool.checkedin()


def _most() -> Iterator[tuple[tuple[str, ...], float]]:
    for pool in _pools():
        yield (), pool.size()


METRICS.observed(
    "db.client.connection.count",
    unit="{connection}",
    labels=("db.client.connection.state",),
    read=_connections,
    meaning="Connections of the process to its database: used or idle.",
)
METRICS.observed(
    "db.client.connection.max",
    unit="{connection}",
    read=_most,
    meaning="Connections that the process may hold (`BACKOFFICE_DATABASE_POOL_SIZE`).",
)
