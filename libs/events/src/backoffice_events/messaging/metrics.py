"""Every metric of messaging. Names follow OpenTelemetry's messaging conventions where they have one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from backoffice_events.metrics import Declarations

if TYPE_CHECKING:
    from backoffice_events.messaging.runtime import Messaging

GROUP: Final = "messaging.consumer.group.name"
TOPIC: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
EVENT_TYPE: Final = "cloudevents.event_type"
ERROR_TYPE: Final = "error.type"

IN_TIME_SECONDS: Final = 2.5
"""What is promised of each step of an event's way: 99.5 % of the events have taken effect so long after they were sent.
Publication to trade-date journal is two steps, so that 99 % of the trades are in the books within twice that.
"""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

METRICS: Final = Declarations("backoffice_events.messaging")

BATCH_SIZE: Final = METRICS.histogram(
    "backoffice.messaging.batch.size",
    unit="{record}",
    labels=(GROUP,),
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
    meaning="Records of one poll.",
)
BATCH_SECONDS: Final = METRICS.histogram(
    "messaging.process.duration",
    unit="s",
    labels=(GROUP,),
    buckets=_SECONDS,
    meaning="Time from poll to committed effect, the waits for a database that is away included.",
)
BATCH_RETRIES: Final = METRICS.counter(
    "backoffice.messaging.batch.retries",
    unit="{attempt}",
    labels=(GROUP, ERROR_TYPE),
    meaning="Batches that were rolled back because database or broker failed, and are tried again.",
)
CONSUMED: Final = METRICS.counter(
    "messaging.client.consumed.messages", unit="{event}", labels=(GROUP,), meaning="Events that took effect."
)
LATE: Final = METRICS.counter(
    "backoffice.messaging.late",
    unit="{event}",
    labels=(GROUP,),
    meaning=f"Events that took effect more than {IN_TIME_SECONDS} s after their sender's time.",
)
OLDEST_SECONDS: Final = METRICS.histogram(
    "backoffice.messaging.batch.oldest",
    unit="s",
    labels=(GROUP,),
    buckets=_SECONDS,
    meaning="Time from an event's sending (`ce_time`) to its committed effect, of the oldest event of each batch.",
)
DEAD_LETTERS: Final = METRICS.counter(
    "backoffice.messaging.dead_letters",
    unit="{event}",
    labels=(GROUP,),
    meaning="Events that became dead letters.",
)
PARKED: Final = METRICS.counter(
    "backoffice.messaging.parked",
    unit="{event}",
    labels=(GROUP,),
    meaning="Events that came to wait behind a dead letter of their key.",
)
SENT: Final = METRICS.counter(
    "messaging.client.sent.messages",
    unit="{event}",
    labels=(TOPIC, EVENT_TYPE),
    meaning="Records that the relay sent and the broker acknowledged. Type `other`: a copy of what no contract names.",
)
OUTBOX_PENDING: Final = METRICS.gauge(
    "backoffice.messaging.outbox.pending", unit="{record}", meaning="Records that wait in the outbox."
)
OUTBOX_OLDEST: Final = METRICS.gauge(
    "backoffice.messaging.outbox.oldest", unit="s", meaning="Age of the oldest record in the outbox."
)
DEAD_LETTERS_OPEN: Final = METRICS.gauge(
    "backoffice.messaging.dead_letters.open",
    unit="{event}",
    labels=(GROUP,),
    meaning="Dead letters that nobody has redriven or discarded yet.",
)
PARKED_WAITING: Final = METRICS.gauge(
    "backoffice.messaging.parked.waiting",
    unit="{event}",
    labels=(GROUP,),
    meaning="Events that wait behind a dead letter now.",
)

_processes: Final["WeakSet[Messaging]"] = WeakSet()


def observe(messaging: "Messaging") -> None:
    """Report on a process's consumers from now on."""
    _processes.add(messaging)


def _lag() -> Iterator[tuple[tuple[str, ...], float]]:
    for messaging in list(_processes):
        for consumer in messaging.consumers:
            for place, lag in consumer.lag().items():
                yield (consumer.spec.group, place.topic, str(place.partition)), lag


def _running() -> Iterator[tuple[tuple[str, ...], float]]:
    for messaging in list(_processes):
        for consumer in messaging.consumers:
            yield (consumer.spec.group,), float(consumer.ready)


METRICS.observed(
    "backoffice.messaging.consumer.lag",
    unit="{record}",
    labels=(GROUP, TOPIC, PARTITION),
    read=_lag,
    meaning="Records of an assigned partition that have yet to take effect.",
)
METRICS.observed(
    "backoffice.messaging.consumer.running",
    unit="1",
    labels=(GROUP,),
    read=_running,
    meaning="1 while the consumer takes events; 0 while it connects, or once it has stopped itself.",
)
