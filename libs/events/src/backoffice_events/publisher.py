"""The typed publisher for front-office applications, and for whoever else publishes without a database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import UndecodableError, decode, encode
from backoffice_events.contracts.base import Event
from backoffice_events.ids import new_id
from backoffice_events.kafka import KafkaSender
from backoffice_events.records import Record
from backoffice_events.traces import current_traceparent, is_sampled

_tracer = trace.get_tracer("backoffice_events.publisher")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Publisher:
    """Publishes events; what a call returned for is stored by the broker (idempotent, all in-sync replicas).

    brokers: where, and as whom: `Brokers("kafka:9092")` where nobody has to sign in.
    source: a URN that names the application for ever, such as `urn:frontoffice:equities`.
    clock: returns the time in UTC that goes into `ce_time`.

    Raises ValueError for an event that no consumer would take, and aiokafka.errors.KafkaError when the broker does
    not take it in time; publishing it again with the same event_id is then safe.
    """

    def __init__(self, *, brokers: Brokers, source: str, clock: Callable[[], datetime] = _utc_now) -> None:
        self._sender = KafkaSender(brokers)
        self._source = source
        self._clock = clock

    async def publish(self, event: Event, *, event_id: str | None = None) -> str:
        """Publish one event and return its id. event_id: the former one when this is a resend."""
        event_id = event_id or new_id()
        await self.send([readable(self.record(event, event_id=event_id))])
        return event_id

    async def publish_many(self, events: Sequence[Event]) -> list[str]:
        """Publish events in order (per key) and return their ids; far cheaper each than `publish`."""
        ids = [new_id() for _ in events]
        records = [self.record(event, event_id=event_id) for event, event_id in zip(events, ids, strict=True)]
        await self.send([readable(record) for record in records])
        return ids

    def record(self, event: Event, *, event_id: str) -> Record:
        """Return the Kafka record that would carry the event, whether or not a consumer could read it.

        The application's own trace goes on with it, or begins, if it has set up OpenTelemetry.
        """
        publication = self._publication(event, event_id)
        return encode(
            event, event_id=event_id, source=self._source, time=self._clock(), traceparent=publication
        )

    def _publication(self, event: Event, event_id: str) -> str | None:
        """Return the trace context of a span that says that the event was published, None when it is not recorded.

        An event that carries a context costs every service on its way, whether or not anybody will see the trace.
        """
        with _tracer.start_as_current_span(
            f"publish {event.event_type}",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.destination.name": event.topic.name,
                "messaging.message.id": event_id,
                "messaging.kafka.message.key": event.key(),
            },
        ):
            header = current_traceparent()
        return header if header is not None and is_sampled(header) else None

    async def send(self, records: Sequence[Record]) -> None:
        """Send records as they are, in order per key; raises the first error after the rest was tried."""
        failed = await self._sender.send(records)
        if failed:
            raise next(iter(failed.values()))

    async def __aenter__(self) -> "Publisher":
        await self._sender.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._sender.stop()


def readable(record: Record) -> Record:
    """Return a record that every consumer can read. Raises ValueError for another.

    Contracts are not checked when an event is made: here they are.
    """
    try:
        decode(record)
    except UndecodableError as error:
        raise ValueError(f"no consumer would take it: {error}") from None
    return record
