"""Traces are taken as OpenTelemetry's exporter sends them, found by what they are about, and shown as a tree."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from typer.testing import CliRunner

from backoffice_cli.commands import trace
from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Platform
from backoffice_cli.traces.receiver import server
from backoffice_cli.traces.spans import MOST_SPANS, MOST_TRACES, Span, Traces
from backoffice_cli.traces.tree import tree_of

pytestmark = pytest.mark.unit


def span(trace_id: str, span_id: str, parent_id: str = "", **changes: object) -> Span:
    fields = {"service": "ledger", "name": "work", "start": 0, "end": 1_000_000}
    return Span(trace_id=trace_id, span_id=span_id, parent_id=parent_id, **{**fields, **changes})


def test_that_there_is_no_trace_is_said_as_a_failure_and_not_as_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Platform, "running", lambda _: None)
    monkeypatch.setattr(trace, "trace_of", lambda *_: ())
    said = CliRunner().invoke(app, ["trace", "nosuch", "--state", str(tmp_path)])
    assert (said.exit_code, said.stdout) == (Exit.FAILED, "")
    assert said.stderr.startswith("✗ There is no trace of nosuch.")
    program = CliRunner().invoke(app, ["trace", "nosuch", "--json", "--state", str(tmp_path)])
    assert (program.exit_code, program.stdout) == (Exit.FAILED, "[]\n")


@pytest.fixture
def receiver() -> Iterator[str]:
    with server(0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_what_the_exporter_sends_is_found_by_trace_and_by_key(receiver: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "settlement"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{receiver}/v1/traces")))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span(
        "process", attributes={"messaging.kafka.message.key": "EQ:T/1"}
    ) as work:
        tracer.start_span("SELECT", kind=SpanKind.CLIENT, attributes={"db.statement": "SELECT 1"}).end()
    trace_id = f"{work.get_span_context().trace_id:032x}"
    for key in (trace_id, "EQ%3AT%2F1"):
        answer = httpx.get(f"{receiver}/traces/{key}", trust_env=False)
        statement, process = msgspec.json.decode(answer.content, type=list[Span])
        assert (process.service, process.name, process.key) == ("settlement", "process", "EQ:T/1")
        assert (statement.statement, statement.parent_id) == ("SELECT 1", process.span_id)
        assert statement.trace_id == process.trace_id == trace_id


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/traces", b"\xff\xff", 400),
        ("POST", "/v1/metrics", b"x", 404),
        ("POST", "/v1/traces", b"", 413),
        ("GET", "/elsewhere", b"", 404),
        ("GET", "/livez", b"", 200),
    ],
)
def test_what_it_does_not_take_is_refused(
    receiver: str, method: str, path: str, body: bytes, status: int
) -> None:
    assert httpx.request(method, f"{receiver}{path}", content=body, trust_env=False).status_code == status


def test_of_too_many_traces_the_oldest_go_and_of_too_long_a_trace_the_end() -> None:
    traces = Traces()
    traces.add(span(f"{number}", "a", key="K") for number in range(MOST_TRACES + 1))
    assert traces.of("0") == []
    assert [each.trace_id for each in traces.of("K")] == [str(MOST_TRACES)]
    traces.add(span("1", f"{number}") for number in range(MOST_SPANS * 2))
    assert len(traces.of("1")) == MOST_SPANS


def test_a_trace_is_shown_by_cause_with_the_calls_to_the_database_of_each_work_in_one_line() -> None:
    ms = 1_000_000
    spans = [
        span(
            "t",
            "c",
            "b",
            service="ledger",
            name="process backoffice.trading.trade-captured.v1",
            start=30 * ms,
            end=35 * ms,
        ),
        span("t", "s1", "c", name="INSERT", statement="INSERT …", start=31 * ms, end=32 * ms),
        span("t", "s2", "c", name="SELECT", statement="SELECT …", start=32 * ms, end=34 * ms),
        span("t", "b", "a", service="trade-capture", name="process x", start=10 * ms, end=20 * ms),
        span("t", "a", "unknown", service="front-office", name="publish x", start=0, end=ms),
    ]
    shown = [line.strip(" │├└─") for line in tree_of(spans).splitlines()]
    assert shown == [
        "trace t: 3 processes",
        "0 ms front-office: publish x, 1.0 ms",
        "10 ms trade-capture: x, 10.0 ms",
        "30 ms ledger: trading.trade-captured.v1, 5.0 ms",
        "2 calls to the database, 3.0 ms",
    ]
