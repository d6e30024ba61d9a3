"""One trace follows an event through a batch to what it causes; unsampled events leave no spans."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backoffice_events.contracts.base import Event
from backoffice_events.messaging import Batch, ConsumerSpec, Transactions, telemetry
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.processor import Processor
from backoffice_events.records import Record

pytestmark = pytest.mark.integration

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-00"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


async def publish_again(batch: Batch) -> None:
    for received in batch.events:
        batch.publish(received.event, cause=received)


def traced(record: Record, traceparent: str) -> Record:
    headers = [*record.headers, ("traceparent", traceparent.encode())]
    return Record(record.topic, record.key, record.value, headers, record.partition, record.offset)


async def test_what_an_event_causes_belongs_to_its_trace(
    transactions: Transactions,
    ledger: Any,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    spans: InMemorySpanExporter,
) -> None:
    made = contract()
    events = [
        traced(arrival(made(name="a", number=1)), SAMPLED),
        traced(arrival(made(name="b", number=2)), UNSAMPLED),
    ]
    spec = ConsumerSpec("test.traces", (made,), publish_again)
    await Processor(spec, transactions, DeadLetterCap()).process([*events, arrival(made(name="c", number=3))])
    own, batch = sorted(spans.get_finished_spans(), key=lambda span: span.name)
    assert own.context is not None
    assert own.parent is not None
    assert trace.format_trace_id(own.context.trace_id) == SAMPLED[3:35]
    assert trace.format_span_id(own.parent.span_id) == SAMPLED[36:52]
    assert [trace.format_span_id(link.context.span_id) for link in batch.links] == [SAMPLED[36:52]]
    assert batch.parent == own.context, (
        "the batch's statements belong to the trace of its first sampled event"
    )
    first, second, third = [
        dict(unpack(row.headers)).get("traceparent") for row in await ledger.rows("outbox")
    ]
    assert first == f"{SAMPLED[:36]}{trace.format_span_id(own.context.span_id)}-01".encode()
    assert second == UNSAMPLED.encode()
    assert third is None


async def test_a_batch_without_sampled_events_makes_no_spans(
    transactions: Transactions,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    spans: InMemorySpanExporter,
) -> None:
    made = contract()
    spec = ConsumerSpec("test.traces", (made,), publish_again)
    broken = "00-" + "z" * 32 + "-b7ad6b7169203331-01"
    events = [
        traced(arrival(made(name="a", number=each)), parent)
        for each, parent in enumerate([UNSAMPLED, broken])
    ]
    await Processor(spec, transactions, DeadLetterCap()).process(events)
    assert spans.get_finished_spans() == ()
