"""Logs carry what finds a trace again and nothing that is nobody's business; traces begin at the edge."""

import contextlib
import json
import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from backoffice_chassis import ServiceSettings, logs
from backoffice_chassis.masked_spans import MaskedSpans
from backoffice_chassis.telemetry import _sampler

pytestmark = pytest.mark.unit


def settings(**changes: object) -> ServiceSettings:
    return ServiceSettings(database_url="postgresql://a/b", issuer_url="http://issuer", **changes)


Stderr = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def refuse(text: str) -> None:
    raise ValueError(text)


def last(capsys: Stderr) -> dict[str, object]:
    line: dict[str, object] = json.loads(capsys.readouterr().err.splitlines()[-1])
    return line


def test_a_line_is_json_with_service_level_time_and_what_was_bound(capsys: Stderr) -> None:
    logs.configure("ledger", settings())
    structlog.contextvars.bind_contextvars(event_id="01a2", trade_id="T1")
    structlog.get_logger("books").info("posted", lines=3)
    line = last(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "posted",
        "lines": 3,
        "service": "ledger",
        "level": "info",
        "logger": "books",
        "event_id": "01a2",
        "trade_id": "T1",
    }


def test_a_librarys_line_looks_the_same(capsys: Stderr) -> None:
    logs.configure("ledger", settings())
    logging.getLogger("backoffice.messaging").warning("relay %s", "waits", extra={"event_id": "01a2"})
    line = last(capsys)
    assert (line["event"], line["service"], line["event_id"]) == ("relay waits", "ledger", "01a2")


def test_a_line_within_a_span_names_its_trace(capsys: Stderr) -> None:
    logs.configure("ledger", settings())
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("t").start_as_current_span("work") as span:
        structlog.get_logger().info("posted")
    assert last(capsys)["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)


def test_an_exception_shows_where_it_arose_but_no_values(capsys: Stderr) -> None:
    logs.configure("ledger", settings())
    iban = "DE02120300000000202051"
    try:
        {}[len(iban)]
    except LookupError:
        structlog.get_logger().exception("failed")
    written = capsys.readouterr().err
    assert "KeyError" in written
    assert "DE0212" not in written


def test_what_a_database_or_a_validator_adds_below_an_error_is_not_written(capsys: Stderr) -> None:
    logs.configure("ledger", settings())
    try:
        refuse("duplicate key\nDETAIL:  Key (account)=(DE02120300000000202051) already exists.")
    except ValueError:
        structlog.get_logger().exception("failed")
    written = capsys.readouterr().err
    assert "duplicate key" in written
    assert "DE0212" not in written


def test_what_is_below_the_level_is_not_written(capsys: Stderr) -> None:
    logs.configure("ledger", settings(log_level="warning"))
    structlog.get_logger().info("posted")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_a_line_is_for_reading(capsys: Stderr) -> None:
    logs.configure("ledger", settings(log_format="console"))
    structlog.get_logger().info("posted", lines=3)
    written = capsys.readouterr().err
    assert "posted" in written
    assert "{" not in written


def spans_recorded(of: ServiceSettings, kind: SpanKind) -> int:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=_sampler(of))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("root", kind=kind):
        provider.get_tracer("t").start_span("statement", kind=SpanKind.CLIENT).end()
    return len(exporter.get_finished_spans())


def test_a_request_begins_a_trace_and_its_statements_belong_to_it() -> None:
    everything = settings(otlp_endpoint="http://collector:4318", trace_sample_ratio=Decimal(1))
    assert spans_recorded(everything, SpanKind.SERVER) == 2


def test_a_statement_of_nobody_begins_no_trace() -> None:
    everything = settings(otlp_endpoint="http://collector:4318", trace_sample_ratio=Decimal(1))
    assert spans_recorded(everything, SpanKind.CLIENT) == 0


def test_nothing_is_recorded_that_nobody_receives() -> None:
    assert spans_recorded(settings(trace_sample_ratio=Decimal(1)), SpanKind.SERVER) == 0


def test_a_failed_span_tells_the_type_of_the_error_and_not_its_words() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(MaskedSpans(exporter)))
    with (
        contextlib.suppress(ValueError),
        provider.get_tracer("t").start_as_current_span("work", attributes={"trade": "T1"}),
    ):
        refuse("Key (account)=(DE02120300000000202051) already exists")
    (span,) = exporter.get_finished_spans()
    assert "DE0212" not in span.to_json()
    assert span.status.status_code is StatusCode.ERROR
    assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "ValueError"}]
    assert (span.name, dict(span.attributes or {})) == ("work", {"trade": "T1"})
    assert span.end_time is not None


def test_a_span_that_did_not_fail_is_sent_as_it_is() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(MaskedSpans(exporter)))
    provider.get_tracer("t").start_span("work").end()
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET
