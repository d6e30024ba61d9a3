"""OpenTelemetry of one process: metrics read at /metrics, traces sent to a collector when there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis.masked_spans import MaskedSpans
from backoffice_chassis.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The process's providers. Made once, before anything asks OpenTelemetry for a meter or tracer."""

    settings: ServiceSettings
    tracing: TracerProvider
    metering: MeterProvider

    @classmethod
    def start(cls, service: str, settings: ServiceSettings) -> "Telemetry":
        """Set the process-wide providers."""
        tracing = start_tracing(service, settings.otlp_endpoint, _sampler(settings))
        metering = MeterProvider(
            resource=_resource(service), metric_readers=[PrometheusMetricReader(scope_info_enabled=False)]
        )
        metrics.set_meter_provider(metering)
        return cls(settings, tracing, metering)

    def trace_statements(self, engine: AsyncEngine) -> None:
        """Trace SQL when somebody receives the spans; a statement that is not sampled then costs some 5 µs.

        The instrumentation would do nothing with an SQLAlchemy that is newer than it knows of; a test of ours says
        whether it works with this one.
        """
        if self.settings.otlp_endpoint:
            SQLAlchemyInstrumentor().instrument(
                engine=engine.sync_engine,
                tracer_provider=self.tracing,
                meter_provider=metrics.NoOpMeterProvider(),  # of the pool, `metrics` tells
                skip_dep_check=True,
            )

    def stop(self) -> None:
        """Send what is still buffered."""
        self.tracing.shutdown()
        self.metering.shutdown()


def start_tracing(service: str, otlp_endpoint: str | None, sampler: Sampler) -> TracerProvider:
    """Set the process-wide provider of traces; its spans go to the collector, when there is one."""
    tracing = TracerProvider(sampler=sampler, resource=_resource(service))
    if otlp_endpoint:
        exporter = OTLPSpanExporter(f"{otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
        tracing.add_span_processor(BatchSpanProcessor(MaskedSpans(exporter)))
    trace.set_tracer_provider(tracing)
    return tracing


def _resource(service: str) -> Resource:
    return Resource.create({"service.name": service, "service.namespace": "backoffice"})


class _TracesBeginAtTheEdge(Sampler):
    """Samples traces by ratio, except those that a call to a database would begin: polls and housekeeping."""

    def __init__(self, ratio: float) -> None:
        self._by_ratio = TraceIdRatioBased(ratio)

    def should_sample(  # noqa: PLR0917 -- OpenTelemetry's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return whether the span is recorded."""
        sampler = ALWAYS_OFF if kind is SpanKind.CLIENT else self._by_ratio
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return the sampler's name."""
        return f"TracesBeginAtTheEdge({self._by_ratio.get_description()})"


def _sampler(settings: ServiceSettings) -> Sampler:
    """Follow the caller's decision; decide by ratio for traces begun here; record nothing that nobody receives."""
    if not settings.otlp_endpoint:
        return ALWAYS_OFF
    return ParentBased(_TracesBeginAtTheEdge(float(settings.trace_sample_ratio)))
