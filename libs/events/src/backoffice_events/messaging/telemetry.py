"""What is seen of messaging: spans, log lines, and the figures that `metrics` declares."""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from backoffice_events.cloudevents import MAX_ATTRIBUTE_CHARACTERS, Received, traceparent_of
from backoffice_events.contracts.base import contract_of
from backoffice_events.messaging import metrics
from backoffice_events.messaging.batch import Item
from backoffice_events.messaging.failures import describe
from backoffice_events.records import Record
from backoffice_events.traces import is_sampled, traceparent

if TYPE_CHECKING:
    from backoffice_events.messaging.application import Outcome

log: Final = logging.getLogger("backoffice.messaging")

_tracer = trace.get_tracer("backoffice_events.messaging")

MAX_LINKS: Final = 128
MAX_WITH_STATEMENTS: Final = 1_000
"""Events of the largest batch whose statements are traced. In a larger one they tell next to nothing of the one event
whose trace they would be in; and at full load each batch has a sampled event, so that all SQL would be traced.
"""
MAX_REASON: Final = 300


def record_batch(group: str, size: int, seconds: float) -> None:
    """Take note of a batch that was worked on."""
    attributes = {metrics.GROUP: group}
    metrics.BATCH_SIZE.record(size, attributes)
    metrics.BATCH_SECONDS.record(seconds, attributes)


def record_retry(group: str, error: Exception) -> None:
    """Take note of a batch that was rolled back and will be tried again."""
    metrics.BATCH_RETRIES.add(1, {metrics.GROUP: group, metrics.ERROR_TYPE: type(error).__name__})
    log.warning("consumer %s waits: %s", group, describe(error))


def record_outcome(group: str, outcome: "Outcome") -> None:
    """Take note of what became of a batch's events; each one that did not take effect gets a line in the log."""
    attributes = {metrics.GROUP: group}
    for counter, number in (
        (metrics.CONSUMED, outcome.taken),
        (metrics.DEAD_LETTERS, len(outcome.condemned)),
        (metrics.PARKED, len(outcome.parked)),
    ):
        if number:
            counter.add(number, attributes)
    _record_ages(attributes, outcome.events)
    for each in outcome.condemned:
        reason = each.reason.partition("\n")[0][:MAX_REASON]  # what a database adds below may hold bank data
        log_item(logging.WARNING, "an event became a dead letter", group, each.item, reason=reason)
    for item in outcome.parked:
        log_item(logging.INFO, "an event waits behind a dead letter of its key", group, item)


def _record_ages(attributes: dict[str, str], events: Sequence[Received[Any]]) -> None:
    """Take note of how long ago events were sent; once for the batch, since each note costs microseconds."""
    if not events:
        return
    now = time.time()
    ages = [now - _sent_at(received) for received in events]
    metrics.OLDEST_SECONDS.record(max(0.0, *ages), attributes)
    # No late event is told too: a rate needs to have seen the counter before its first increase.
    metrics.LATE.add(sum(age > metrics.IN_TIME_SECONDS for age in ages), attributes)


def _sent_at(received: Received[Any]) -> float:
    """Return when an event was sent: for one from outside, whose own time may be the trade's, as Kafka says."""
    published_ms = received.record.timestamp
    if published_ms is not None and received.event.topic.from_outside:
        return published_ms / 1000
    return received.time.timestamp()


def log_item(
    level: int, message: str, group: str, item: Item, *, exc_info: Exception | None = None, **more: object
) -> None:
    """Write a line about one event, with everything that a search for it may start from."""
    header = item.incoming_traceparent if isinstance(item, Received) else traceparent_of(dict(item.headers))
    about = {
        "consumer": group,
        "event_id": item.event_id,
        "event_type": item.event_type,
        "key": (item.record.key or b"").decode(errors="replace")[:MAX_ATTRIBUTE_CHARACTERS],
        "topic": item.topic,
        "partition": item.partition,
        "offset": item.offset,
        **({"trace_id": header[3:35]} if header else {}),
    }
    log.log(level, message, exc_info=exc_info, extra={**about, **more})


def log_tombstone(group: str, record: Record) -> None:
    """Write a line about a record that says nothing, and by which a broker forgets what stands under its key."""
    about = {"consumer": group, "topic": record.topic, "partition": record.partition, "offset": record.offset}
    key = (record.key or b"").decode(errors="replace")[:MAX_ATTRIBUTE_CHARACTERS]
    log.warning("a tombstone was passed over", extra={**about, "key": key})


@contextlib.contextmanager
def batch_span(group: str, items: Sequence[Item]) -> Iterator[None]:
    """Span the work on a batch, linked to the sampled events in it, each of which has a span of its own trace.

    What an event causes carries on from that span. The batch belongs to the trace of the first of them, and so does
    its SQL unless the batch is large: an event that is followed through a quiet platform has all of its statements in
    its own trace. A batch without sampled events costs a look at each traceparent.
    """
    sampled = [(item, context) for item in items if (context := _sampled_context(item)) is not None]
    if not sampled:
        yield
        return
    spans = [_continue(group, item, context) for item, context in sampled]
    batch = _begin(group, items, spans[0], [context for _, context in sampled])
    try:
        with trace.use_span(batch) if len(items) <= MAX_WITH_STATEMENTS else contextlib.nullcontext():
            yield
    finally:
        for span in (batch, *spans):
            span.end()


def _begin(
    group: str, items: Sequence[Item], parent: trace.Span, sampled: Sequence[SpanContext]
) -> trace.Span:
    """Start the span of a batch."""
    span = _tracer.start_span(
        f"process {group}",
        trace.set_span_in_context(parent),
        kind=SpanKind.CONSUMER,
        links=[Link(context) for context in sampled[:MAX_LINKS]],
    )
    span.set_attribute(metrics.GROUP, group)
    span.set_attribute("messaging.batch.message_count", len(items))
    return span


def _sampled_context(item: Item) -> SpanContext | None:
    if not isinstance(item, Received) or item.incoming_traceparent is None:
        return None
    header = item.incoming_traceparent
    if not is_sampled(header):
        return None
    trace_id, span_id = int(header[3:35], 16), int(header[36:52], 16)
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return context if context.is_valid else None


def _continue(group: str, item: Item, context: SpanContext) -> trace.Span:
    """Start an event's own span, as a child of the sender's, and let what it causes carry on from there."""
    parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
    span = _tracer.start_span(f"process {item.event_type}", parent, kind=SpanKind.CONSUMER)
    span.set_attribute(metrics.GROUP, group)
    span.set_attribute("messaging.message.id", item.event_id or "")
    if isinstance(item, Received):
        span.set_attribute("messaging.kafka.message.key", item.key)
        item.traceparent = traceparent(span.get_span_context())
    return span


def record_sent(sent: Iterable[tuple[str, str]]) -> None:
    """Take note of records that the broker acknowledged, by topic and type of event."""
    for (topic, event_type), number in Counter(sent).items():
        known = event_type if contract_of(event_type) is not None else "other"
        metrics.SENT.add(number, {metrics.TOPIC: topic, metrics.EVENT_TYPE: known})


def record_waiting(rows: Sequence[Mapping[str, Any]]) -> None:
    """Take note of what waits, as the leading relay counted it: what, consumer, number and age of the oldest."""
    outbox = next(row for row in rows if row["what"] == "outbox")
    metrics.OUTBOX_PENDING.show({(): outbox["number"]})
    metrics.OUTBOX_OLDEST.show({(): outbox["age"]})
    for what, gauge in (("dead letters", metrics.DEAD_LETTERS_OPEN), ("parked", metrics.PARKED_WAITING)):
        gauge.show({(row["consumer"],): row["number"] for row in rows if row["what"] == what})
