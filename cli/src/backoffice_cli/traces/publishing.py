"""Traces that begin with what a command publishes."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from backoffice_chassis.telemetry import start_tracing

FIRST: Final = 100


class FirstOnes(Sampler):
    """Records the first traces of the process, so that a person's trades are traced and a load is not."""

    def __init__(self) -> None:
        self._left = FIRST

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        """Return whether the trace is recorded."""
        self._left -= 1
        return SamplingResult(Decision.RECORD_AND_SAMPLE if self._left >= 0 else Decision.DROP)

    def get_description(self) -> str:
        """Return the sampler's name."""
        return f"FirstOnes({FIRST})"


@contextlib.contextmanager
def publication_traced(otlp_endpoint: str | None, sampler: Sampler) -> Iterator[None]:
    """Let what is published within begin traces; nothing to do where nobody takes them. sampler: says which."""
    if otlp_endpoint is None:
        yield
        return
    tracing = start_tracing("front-office", otlp_endpoint, sampler)
    try:
        yield
    finally:
        tracing.shutdown()
