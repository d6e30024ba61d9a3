"""A reconciliation's result, told to whoever watches: a command that has ended cannot be asked for it."""

import time
from collections.abc import Mapping
from functools import cache

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource

from backoffice_cli.metrics import FINDINGS, FINISHED
from backoffice_cli.reconciliation.report import Report
from backoffice_cli.stack.errors import StackError


def push(report: Report, otlp_endpoint: str) -> None:
    """Send the result to a collector, or to Prometheus itself (its `/api/v1/otlp`). Raises StackError when it is not
    taken.
    """
    FINDINGS.show(findings(report))
    FINISHED.show({(): time.time()})
    measured = _reader().get_metrics_data()
    exporter = OTLPMetricExporter(f"{otlp_endpoint.rstrip('/')}/v1/metrics", timeout=10)
    if measured is None or exporter.export(measured) is not MetricExportResult.SUCCESS:
        raise StackError(f"{otlp_endpoint} does not take the result.", "Is it an OTLP endpoint over HTTP?")


@cache
def _reader() -> InMemoryMetricReader:
    """Return what reads this process's figures. Each result takes the place of the last: it is always one instance."""
    reader = InMemoryMetricReader()
    resource = Resource.create({"service.name": "reconcile", "service.instance.id": "backoffice"})
    set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    return reader


def findings(report: Report) -> Mapping[tuple[str, ...], float]:
    """Return how much was found, by kind; all of it 0 when all sides agree."""
    return {
        ("breaks",): len(report.breaks),
        ("unaccounted",): report.unaccounted,
        ("duplicates",): report.duplicates,
        ("outbox",): report.outbox_pending,
    }
