"""What no consumer would take does not leave the front office."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from backoffice_events import publisher as publisher_module
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.publisher import Publisher
from backoffice_events.traces import traceparent

pytestmark = pytest.mark.unit

GOOD = TradeExecuted(
    source_system="OMS-EQ",
    trade_reference="EX-1",
    version=1,
    side=Side.BUY,
    isin="US0378331005",
    mic="XNAS",
    quantity=Decimal(100),
    price=Decimal("213.25"),
    currency="USD",
    trade_date=date(2024, 8, 8),
    executed_at=datetime(2024, 8, 8, 19, 54, tzinfo=UTC),
    book="EQ-US-1",
    trader="E00001",
    counterparty_lei="549300ZK53CNGEEI6A29",
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"executed_at": datetime(2024, 8, 8, 19, 54)}, "timezone"),  # noqa: DTZ001 -- the point of the test
        ({"book": "B" * 141}, "length <= 140"),
        ({"trade_reference": "a\0b"}, "NUL"),
        ({"source_system": "S" * 140, "trade_reference": "R" * 140}, "longer than 255 bytes"),
        ({"quantity": Decimal("NaN")}, "not a number"),
    ],
)
async def test_an_event_that_no_consumer_would_take_is_refused(changes: dict[str, object], says: str) -> None:
    event = msgspec.structs.replace(GOOD, **changes)
    publisher = Publisher(brokers=Brokers("127.0.0.1:9"), source="urn:frontoffice:test")  # nobody is there
    with pytest.raises(ValueError, match=says):
        await publisher.publish(event)
    with pytest.raises(ValueError, match=says):
        await publisher.publish_many([GOOD, event])


def publisher_of_a_tracing_application(
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Publisher, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(publisher_module, "_tracer", provider.get_tracer("test"))
    return Publisher(brokers=Brokers("127.0.0.1:9"), source="urn:frontoffice:test"), exporter


def test_a_publication_begins_a_trace_where_the_application_has_set_up_tracing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher, exporter = publisher_of_a_tracing_application(monkeypatch)
    record = publisher.record(GOOD, event_id="01a")
    [span] = exporter.get_finished_spans()
    assert dict(record.headers)["traceparent"].decode() == traceparent(span.get_span_context())
    assert (span.attributes or {})["messaging.kafka.message.key"] == "OMS-EQ:EX-1"


def test_a_publication_that_is_not_recorded_carries_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("test")
    monkeypatch.setattr(publisher_module, "_tracer", tracer)
    publisher = Publisher(brokers=Brokers("127.0.0.1:9"), source="urn:frontoffice:test")
    assert "traceparent" not in dict(publisher.record(GOOD, event_id="01a").headers)


def test_without_tracing_an_event_carries_no_trace() -> None:
    publisher = Publisher(brokers=Brokers("127.0.0.1:9"), source="urn:frontoffice:test")
    assert "traceparent" not in dict(publisher.record(GOOD, event_id="01a").headers)
