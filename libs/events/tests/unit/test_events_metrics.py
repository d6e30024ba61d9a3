"""A metric is declared once: its name at /metrics follows, and a figure that nobody stands for is not shown."""

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest

from backoffice_events import metrics
from backoffice_events.metrics import STANDS_SECONDS, Declarations, Gauge

pytestmark = pytest.mark.unit


@pytest.fixture
def exposed(monkeypatch: pytest.MonkeyPatch) -> tuple[Declarations, CollectorRegistry]:
    """Return declarations of a process of their own, and what Prometheus would be told of them."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics.metrics, "get_meter", provider.get_meter)
    return Declarations("test"), registry


def samples(registry: CollectorRegistry) -> set[str]:
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if not line.startswith(("#", "target_info"))}


def test_the_declared_name_and_labels_are_those_that_prometheus_is_told(
    exposed: tuple[Declarations, CollectorRegistry],
) -> None:
    declarations, registry = exposed
    about = {"meaning": "…", "labels": ("a.b",)}
    declarations.counter("x.done", unit="{event}", **about).add(2, {"a.b": "c"})
    declarations.histogram("x.time", unit="s", buckets=(1,), **about).record(0.5, {"a.b": "c"})
    declarations.gauge("x.age", unit="s", **about).show({("c",): 3})
    declarations.gauge("x.share", unit="1", **about).show({("c",): 0.5})
    told = samples(registry)
    assert len(declarations.declared) == 4
    for metric in declarations.declared:
        suffix = "_count" if metric.kind is metrics.Kind.HISTOGRAM else ""
        assert any(line.startswith(f'{metric.exposed_name}{suffix}{{a_b="c"}} ') for line in told), metric


def test_a_gauge_shows_the_last_measurement_alone(exposed: tuple[Declarations, CollectorRegistry]) -> None:
    declarations, registry = exposed
    gauge = declarations.gauge("fails", unit="{fail}", labels=("age",), meaning="…")
    gauge.show({("0",): 1, ("1",): 2})
    assert samples(registry) == {'fails{age="0"} 1.0', 'fails{age="1"} 2.0'}
    gauge.show({("1",): 5})
    assert samples(registry) == {'fails{age="1"} 5.0'}


def test_what_a_gauge_always_shows_is_0_when_a_measurement_finds_none(
    exposed: tuple[Declarations, CollectorRegistry],
) -> None:
    declarations, registry = exposed
    gauge = declarations.gauge("cases", unit="{case}", labels=("age",), always=[("0",)], meaning="…")
    assert samples(registry) == set(), "nobody has measured yet"
    gauge.show({("1",): 2})
    assert samples(registry) == {'cases{age="0"} 0.0', 'cases{age="1"} 2.0'}
    gauge.show({("0",): 5})
    assert samples(registry) == {'cases{age="0"} 5.0'}


def test_a_figure_that_nobody_repeats_is_shown_no_longer() -> None:
    now = 1000.0
    gauge = Gauge(clock=lambda: now)
    gauge.show({(): 7})
    now += STANDS_SECONDS
    assert dict(gauge.standing()) == {(): 7}
    now += 1
    assert dict(gauge.standing()) == {}
