"""One trace follows an event through a batch to what it causes; unsampled events leave no spans."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backoffice_events.contracts.base import Event, Topic
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec, Transactions, metrics, telemetry
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.processor import Processor
from backoffice_events.messaging.tables import dead_letter
from backoffice_events.records import Record

pytestmark = pytest.mark.integration

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-00"
HOUR = 3600.0


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


async def test_the_statements_of_a_large_batch_are_in_nobodys_trace(
    transactions: Transactions,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    spans: InMemorySpanExporter,
) -> None:
    made, current = contract(), list[bool]()

    async def look(_: Batch) -> None:
        current.append(trace.get_current_span().is_recording())

    spec = ConsumerSpec("test.traces", (made,), look)
    processor = Processor(spec, transactions, DeadLetterCap())
    for size in (telemetry.MAX_WITH_STATEMENTS, telemetry.MAX_WITH_STATEMENTS + 1):
        events = [arrival(made(name=str(size), number=each)) for each in range(size - 1)]
        await processor.process([traced(arrival(made(name="a", number=size)), SAMPLED), *events])
    assert current == [True, False]
    batches = [span for span in spans.get_finished_spans() if span.name == "process test.traces"]
    assert len(batches) == 2, "a large batch has its span all the same"


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


class Figures:
    """What a process's instruments were told, by metric: the sum of a counter, the highest value of a histogram."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reader = InMemoryMetricReader()
        meter = MeterProvider(metric_readers=[self._reader]).get_meter("test")
        self.meter = meter
        monkeypatch.setattr(metrics, "LATE", meter.create_counter("late"))
        monkeypatch.setattr(metrics, "OLDEST_SECONDS", meter.create_histogram("oldest"))
        monkeypatch.setattr(metrics, "SENT", meter.create_counter("sent"))

    def told(self) -> dict[str, dict[tuple[str, ...], float]]:
        data = self._reader.get_metrics_data()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            for point in metric.data.data_points:
                labels = tuple(str(value) for value in (point.attributes or {}).values())
                value = point.max if isinstance(point, HistogramDataPoint) else point.value
                found.setdefault(metric.name, {})[labels] = value
        return found


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Figures:
    return Figures(monkeypatch)


async def take_no_notice(_: Batch) -> None:
    pass


def sent_ago(arrival: Callable[..., Record], event: Event, seconds: float) -> Record:
    record = arrival(event)
    sent = datetime.now(UTC) - timedelta(seconds=seconds)
    headers = [
        (name, sent.isoformat().encode() if name == "ce_time" else value) for name, value in record.headers
    ]
    return msgspec.structs.replace(record, headers=headers)


async def test_events_that_took_effect_late_are_counted_and_the_oldest_is_told(
    transactions: Transactions,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    figures: Figures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "IN_TIME_SECONDS", HOUR)  # no machine takes as long
    made = contract()
    records = [
        sent_ago(arrival, made(name="a", number=number), hours * HOUR)
        for number, hours in enumerate([0, 20, 30])
    ]
    processor = Processor(ConsumerSpec("test.ages", (made,), take_no_notice), transactions, DeadLetterCap())
    await processor.process(records[:1])
    assert figures.told()["late"] == {("test.ages",): 0}
    await processor.process(records)
    told = figures.told()
    assert told["late"] == {("test.ages",): 2}, "the repeated event is not counted again"
    assert 30 * HOUR <= told["oldest"]["test.ages",] < 31 * HOUR


async def test_an_event_from_outside_is_as_old_as_its_publication_whatever_time_it_states(
    transactions: Transactions,
    contract: Callable[..., type[Event]],
    arrival: Callable[..., Record],
    figures: Figures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "IN_TIME_SECONDS", HOUR)
    outside = Topic(f"test.outside-{new_id()}.v1", owner="counterparty")
    made = contract(outside)
    record = sent_ago(arrival, made(name="a", number=1), 20 * HOUR)
    published = msgspec.structs.replace(record, timestamp=round(time.time() * 1000))
    spec = ConsumerSpec("test.outside", (made,), take_no_notice)
    await Processor(spec, transactions, DeadLetterCap()).process([published])
    assert figures.told()["late"] == {("test.outside",): 0}


async def test_a_count_is_told_when_and_only_when_the_transaction_commits(
    transactions: Transactions, figures: Figures
) -> None:
    counter = figures.meter.create_counter("posted")
    async with transactions.begin() as unit:
        unit.count(counter, 2, {"kind": "A"})
        Batch.within(unit, []).count(counter, 1, {"kind": "B"})
        assert "posted" not in figures.told()
    assert figures.told()["posted"] == {("A",): 2, ("B",): 1}
    async with transactions.begin() as unit:
        unit.count(counter, 5, {"kind": "A"})
        unit.rollback_only = True
    assert figures.told()["posted"]["A",] == 2


async def test_the_relay_tells_what_it_sent_and_what_waits(stage: Any, figures: Figures) -> None:
    made = await stage.contract()
    async with stage.transactions.begin() as unit:
        unit.publish(made(name="a", number=1))
        letter = {
            "consumer": "test.waiting",
            "topic": "t",
            "partition": 0,
            "record_offset": 0,
            "headers": b"",
        }
        about = {"id": new_id(), "inbox_id": new_id(), "reason": "…", "attempts": 1, "failed_at": unit.now}
        await unit.connection.execute(dead_letter.insert().values(**letter, **about, status="open"))
    relay = stage.relay()
    task = asyncio.create_task(relay.run())
    await stage.drained()
    relay.stop()
    await task
    assert figures.told()["sent"] == {(made.topic.name, made.event_type): 1}
    assert dict(metrics.OUTBOX_PENDING.standing()) == {(): 0}
    assert dict(metrics.DEAD_LETTERS_OPEN.standing()) == {("test.waiting",): 1}
    assert dict(metrics.PARKED_WAITING.standing()) == {}
