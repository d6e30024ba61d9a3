"""Every metric and span of messaging, declared in one place. Names follow OpenTelemetry's messaging conventions."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from backoffice_events.cloudevents import MAX_ATTRIBUTE_CHARACTERS, Received, traceparent_of
from backoffice_events.messaging.batch import Item

if TYPE_CHECKING:
    from backoffice_events.messaging.application import Outcome
    from backoffice_events.messaging.runtime import Messaging

log: Final = logging.getLogger("backoffice.messaging")

_tracer = trace.get_tracer("backoffice_events.messaging")
_meter = metrics.get_meter("backoffice_events.messaging")

BATCH_SIZE = _meter.create_histogram(
    "backoffice.messaging.batch.size", unit="{record}", description="Records of one poll, by consumer group"
)
BATCH_SECONDS = _meter.create_histogram(
    "messaging.process.duration",
    unit="s",
    description="Time from poll to committed offsets, by consumer group",
)
CONSUMED = _meter.create_counter(
    "messaging.client.consumed.messages",
    unit="{event}",
    description="Events that took effect, by consumer group",
)
DEAD_LETTERS = _meter.create_counter(
    "backoffice.messaging.dead_letters", unit="{event}", description="Events that became dead letters"
)
PARKED = _meter.create_counter(
    "backoffice.messaging.parked",
    unit="{event}",
    description="Events that wait behind a dead letter of their key",
)
PUBLISHED = _meter.create_counter(
    "messaging.client.sent.messages", unit="{event}", description="Records that the broker acknowledged"
)
MAX_LINKS: Final = 128
MAX_REASON: Final = 300


def record_batch(group: str, size: int, seconds: float) -> None:
    """Take note of a batch that was worked on."""
    attributes = {"messaging.consumer.group.name": group}
    BATCH_SIZE.record(size, attributes)
    BATCH_SECONDS.record(seconds, attributes)


def record_outcome(group: str, outcome: "Outcome") -> None:
    """Take note of what became of a batch's events; each one that did not take effect gets a line in the log."""
    attributes = {"messaging.consumer.group.name": group}
    for counter, number in (
        (CONSUMED, outcome.taken),
        (DEAD_LETTERS, len(outcome.condemned)),
        (PARKED, len(outcome.parked)),
    ):
        if number:
            counter.add(number, attributes)
    for each in outcome.condemned:
        reason = each.reason.partition("\n")[0][:MAX_REASON]  # what a database adds below may hold bank data
        log_item(logging.WARNING, "an event became a dead letter", group, each.item, reason=reason)
    for item in outcome.parked:
        log_item(logging.INFO, "an event waits behind a dead letter of its key", group, item)


def log_item(
    level: int, message: str, group: str, item: Item, *, exc_info: Exception | None = None, **more: object
) -> None:
    """Write a line about one event, with everything that a search for it may start from."""
    traceparent = (
        item.incoming_traceparent if isinstance(item, Received) else traceparent_of(dict(item.headers))
    )
    about = {
        "consumer": group,
        "event_id": item.event_id,
        "event_type": item.event_type,
        "key": (item.record.key or b"").decode(errors="replace")[:MAX_ATTRIBUTE_CHARACTERS],
        "topic": item.topic,
        "partition": item.partition,
        "offset": item.offset,
        **({"trace_id": traceparent[3:35]} if traceparent else {}),
    }
    log.log(level, message, exc_info=exc_info, extra={**about, **more})


@contextlib.contextmanager
def batch_span(group: str, items: Sequence[Item]) -> Iterator[None]:
    """Span the work on a batch, linked to the sampled events in it, each of which has a span of its own trace.

    What an event causes carries on from that span. The batch, and so its SQL, belongs to the trace of the first of
    them: an event that is followed through a quiet platform has all of its statements in its own trace. A batch
    without sampled events costs a look at each traceparent.
    """
    sampled = [(item, context) for item in items if (context := _sampled_context(item)) is not None]
    if not sampled:
        yield
        return
    spans = [_continue(group, item, context) for item, context in sampled]
    links = [Link(context) for _, context in sampled[:MAX_LINKS]]
    first = trace.set_span_in_context(spans[0])
    name = f"process {group}"
    try:
        with _tracer.start_as_current_span(name, first, kind=SpanKind.CONSUMER, links=links) as span:
            span.set_attribute("messaging.consumer.group.name", group)
            span.set_attribute("messaging.batch.message_count", len(items))
            yield
    finally:
        for span in spans:
            span.end()


def _sampled_context(item: Item) -> SpanContext | None:
    if not isinstance(item, Received) or item.incoming_traceparent is None:
        return None
    traceparent = item.incoming_traceparent
    if traceparent[-1] not in "13579bdf":
        return None
    trace_id, span_id = int(traceparent[3:35], 16), int(traceparent[36:52], 16)
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return context if context.is_valid else None


def _continue(group: str, item: Item, context: SpanContext) -> trace.Span:
    """Start an event's own span, as a child of the sender's, and let what it causes carry on from there."""
    parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
    span = _tracer.start_span(f"process {item.event_type}", parent, kind=SpanKind.CONSUMER)
    span.set_attribute("messaging.consumer.group.name", group)
    span.set_attribute("messaging.message.id", item.event_id or "")
    if isinstance(item, Received):
        own = span.get_span_context()
        item.traceparent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
    return span


_processes: Final["WeakSet[Messaging]"] = WeakSet()


def observe(messaging: "Messaging") -> None:
    """Report the lag of a process's consumers from now on."""
    _processes.add(messaging)


def _consumer_lag(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
    for messaging in list(_processes):
        for consumer in messaging.consumers:
            for place, lag in consumer.lag().items():
                attributes = {
                    "messaging.consumer.group.name": consumer.spec.group,
                    "messaging.destination.name": place.topic,
                    "messaging.destination.partition.id": str(place.partition),
                }
                yield metrics.Observation(lag, attributes)


_meter.create_observable_gauge(
    "backoffice.messaging.consumer.lag",
    callbacks=[_consumer_lag],
    unit="{record}",
    description="Records of an assigned partition that have yet to take effect",
)
OUTBOX_PENDING = _meter.create_gauge(
    "backoffice.messaging.outbox.pending", unit="{record}", description="Records that wait in the outbox"
)
OUTBOX_AGE = _meter.create_gauge(
    "backoffice.messaging.outbox.oldest", unit="s", description="Age of the oldest record in the outbox"
)


def record_outbox(pending: int, oldest_seconds: float) -> None:
    """Take note of the outbox's depth and age; the leading relay looks every few seconds."""
    OUTBOX_PENDING.set(pending)
    OUTBOX_AGE.set(oldest_seconds)
