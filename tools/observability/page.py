"""docs/metrics.md."""

from collections.abc import Iterator
from typing import Final

from observability.registry import LAYERS, Layer

INTRODUCTION: Final = """\
# Metrics

Generated from the declarations (`metrics` modules of libraries, services and the command line) by `make telemetry`; \
do not edit. Names are as Prometheus shows them; a histogram has `_bucket`, `_sum` and `_count`. Prometheus adds \
`job`, the service, and `instance`.

A gauge shows what was last measured, by the one process of a service that leads, and is gone 90 seconds after nobody \
measures it any more: add up over `instance` with `max`. Where a measurement finds nothing, a business figure shows \
0 at the least age; no series means that nobody measures. Business figures are measured every 30 seconds, from at most \
100,000 open rows and in at most 2 seconds each; what has ended costs nothing.
"""


def render() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *(line for layer in LAYERS for line in _section(layer))])


def _section(layer: Layer) -> Iterator[str]:
    yield f"## {layer.title}\n"
    yield f"Told by {layer.told_by}.\n"
    yield "| metric | kind | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for metric in layer.metrics:
        labels = ", ".join(f"`{label}`" for label in metric.exposed_labels)
        unit = metric.unit.strip("{}")
        yield f"| `{metric.exposed_name}` | {metric.kind} | {unit} | {labels} | {metric.meaning} |"
    yield ""
