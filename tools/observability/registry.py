"""All metrics of the platform, from the declarations of each library, service and tool."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import compliance.metrics
import ledger.metrics
import settlement.metrics
import trade_capture.metrics
from backoffice_chassis import metrics as chassis
from backoffice_cli import metrics as cli
from backoffice_events.messaging import metrics as messaging
from backoffice_events.metrics import Kind, Metric


@dataclass(frozen=True, slots=True)
class Layer:
    """Who tells certain metrics. title: as a heading. told_by: which processes."""

    title: str
    told_by: str
    metrics: tuple[Metric, ...]


LAYERS: Final = (
    Layer("Messaging", "every service", tuple(messaging.METRICS.declared)),
    Layer("HTTP and database", "every service", tuple(chassis.METRICS.declared)),
    Layer("Trade capture", "trade-capture", tuple(trade_capture.metrics.METRICS.declared)),
    Layer("Compliance", "compliance", tuple(compliance.metrics.METRICS.declared)),
    Layer("Settlement", "settlement", tuple(settlement.metrics.METRICS.declared)),
    Layer("Ledger", "ledger", tuple(ledger.metrics.METRICS.declared)),
    Layer(
        "Reconciliation",
        "`backoffice reconcile` with an OTLP endpoint, when it has finished",
        tuple(cli.METRICS.declared),
    ),
)

SCRAPED: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""


@dataclass(frozen=True, slots=True)
class Series:
    """A name that a query may use, and the labels that it has."""

    name: str
    labels: frozenset[str]


def declared() -> tuple[Metric, ...]:
    """Return every metric."""
    return tuple(metric for layer in LAYERS for metric in layer.metrics)


def series() -> dict[str, Series]:
    """Return every name that Prometheus knows of our processes: a histogram has three, and it scrapes by itself."""
    ours = [each for metric in declared() for each in _series_of(metric)]
    process = [
        Series(name, SCRAPED)
        for name in ("up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds")
    ]
    return {each.name: each for each in (*ours, *process)}


def _series_of(metric: Metric) -> Iterator[Series]:
    labels = frozenset(metric.exposed_labels) | SCRAPED
    if metric.kind is Kind.HISTOGRAM:
        yield Series(f"{metric.exposed_name}_bucket", labels | {"le"})
        yield Series(f"{metric.exposed_name}_sum", labels)
        yield Series(f"{metric.exposed_name}_count", labels)
    else:
        yield Series(metric.exposed_name, labels)
