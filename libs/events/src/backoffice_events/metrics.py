"""How a metric is declared: name, unit, labels and meaning once, and the instrument made from that.

Each library, service and tool has one module `metrics` with all of its declarations; `docs/metrics.md` lists them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opentelemetry import metrics

STANDS_SECONDS: Final = 90.0
"""How long a gauge shows what was last said of it. Whoever says it, every 30 seconds at least, may lose the lead to
another process, or fail: a figure that nobody stands for any more must go.
"""

Values = Mapping[tuple[str, ...], float]
"""A figure for each combination of the labels' values, in the labels' order."""


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A declaration. name, labels: OpenTelemetry's, with dots. unit: UCUM, such as s, 1 or {event}."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def exposed_name(self) -> str:
        """Return the name in Prometheus' text."""
        name = self.name.replace(".", "_")
        if self.unit == "s":
            name = f"{name}_seconds"
        return f"{name}_total" if self.kind is Kind.COUNTER else name

    @property
    def exposed_labels(self) -> tuple[str, ...]:
        """Return the labels in Prometheus' text."""
        return tuple(label.replace(".", "_") for label in self.labels)


class Gauge:
    """Figures that somebody measures now and then, all at once: what a measurement lacks is shown no longer.

    always: what is shown as 0 then, so that no figure at all says that nobody measures.
    """

    def __init__(
        self, always: Iterable[tuple[str, ...]] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._always: Final = dict.fromkeys(always, 0.0)
        self._clock = clock
        self._values: Values = {}
        self._said_at = 0.0

    def show(self, values: Values) -> None:
        """Show these figures, and no others, until the next ones or until nobody has said them for too long."""
        self._values, self._said_at = {**self._always, **values}, self._clock()

    def standing(self) -> Iterable[tuple[tuple[str, ...], float]]:
        """Return the figures that still stand."""
        if self._clock() - self._said_at > STANDS_SECONDS:
            return ()
        return self._values.items()


class Declarations:
    """The metrics of one library, service or tool. scope: its package."""

    def __init__(self, scope: str) -> None:
        self.declared: list[Metric] = []
        self._meter = metrics.get_meter(scope)

    def counter(self, name: str, *, unit: str, meaning: str, labels: Sequence[str] = ()) -> metrics.Counter:
        """Declare what only grows."""
        self._declare(name, Kind.COUNTER, unit, labels, meaning)
        return self._meter.create_counter(name, unit, meaning)

    def histogram(
        self, name: str, *, unit: str, meaning: str, buckets: Sequence[float], labels: Sequence[str] = ()
    ) -> metrics.Histogram:
        """Declare what is distributed. buckets: upper bounds; the infinite one is added."""
        self._declare(name, Kind.HISTOGRAM, unit, labels, meaning)
        return self._meter.create_histogram(
            name, unit, meaning, explicit_bucket_boundaries_advisory=list(buckets)
        )

    def gauge(
        self,
        name: str,
        *,
        unit: str,
        meaning: str,
        labels: Sequence[str] = (),
        always: Iterable[tuple[str, ...]] = (),
    ) -> Gauge:
        """Declare what goes up and down, and is measured now and then. always: as a Gauge knows it."""
        gauge = Gauge(always)
        self.observed(name, unit=unit, meaning=meaning, labels=labels, read=gauge.standing)
        return gauge

    def observed(
        self,
        name: str,
        *,
        unit: str,
        meaning: str,
        read: Callable[[], Iterable[tuple[tuple[str, ...], float]]],
        labels: Sequence[str] = (),
    ) -> None:
        """Declare what goes up and down, and costs nothing to read whenever somebody asks."""
        self._declare(name, Kind.GAUGE, unit, labels, meaning)

        def observe(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            for values, figure in read():
                yield metrics.Observation(figure, dict(zip(labels, values, strict=True)))

        self._meter.create_observable_gauge(name, [observe], unit, meaning)

    def _declare(self, name: str, kind: Kind, unit: str, labels: Sequence[str], meaning: str) -> None:
        self.declared.append(Metric(name, kind, unit, tuple(labels), meaning))
