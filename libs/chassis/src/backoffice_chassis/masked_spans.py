"""Spans leave the process without the texts of errors: a database or a validator may quote a row or a field."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

_EXCEPTION_TYPE: Final = "exception.type"


class MaskedSpans(SpanExporter):
    """Passes spans on to another exporter: that they failed, and by what type of error, but not in which words."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, masked."""
        return self._exporter.export([masked(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter behind."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter behind send what it holds."""
        return self._exporter.force_flush(timeout_millis)


def masked(span: ReadableSpan) -> ReadableSpan:
    """Return a span without texts of errors; one that has none as it is."""
    if not span.events and span.status.description is None:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_masked(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _masked(event: Event) -> Event:
    attributes = event.attributes or {}
    kept = {name: value for name, value in attributes.items() if name == _EXCEPTION_TYPE}
    return Event(event.name, kept, event.timestamp)
