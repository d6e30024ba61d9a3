"""One trace leads from the front office's publication to the last journal, across all services, Kafka and SQL."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from backoffice_cli.bench import flow
from backoffice_cli.bench.trades import Cast, trades
from backoffice_cli.platform import Stack
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.traces.client import trace_of
from backoffice_cli.traces.publishing import publication_traced
from backoffice_cli.traces.spans import Span
from backoffice_events.contracts.settlement import InstructionSettled

pytestmark = pytest.mark.e2e

TRADES = 20
ON_THE_ROAD = {"front-office", "trade-capture", "compliance", "settlement", "ledger"}


@pytest.fixture(scope="module")
def traces(platform: Stack) -> Sequence[Sequence[Span]]:
    """Publish some trades that settle at once, all traced, and return their traces when most have come to an end."""
    day = flow.prepare(platform, print)
    made = list(trades(Cast.shipped(repository_root() / "data"), day, flow.new_run(), TRADES))
    with publication_traced(platform.traces_url, ALWAYS_ON):
        asyncio.run(flow.publish(platform.bootstrap_servers, made, None, {}))
    deadline = time.monotonic() + 120
    while True:
        found = [trace_of(platform, trade.key()) for trade in made]
        # Mishaps befall a few: those end later, or elsewhere.
        if sum(map(is_whole, found)) >= TRADES / 2:
            return found
        assert time.monotonic() < deadline, [len(spans) for spans in found]
        time.sleep(0.5)


def is_whole(spans: Sequence[Span]) -> bool:
    """Tell whether the last journal is booked, and everybody has sent the spans in between."""
    booked = any(
        span.service == "ledger" and span.name.endswith(InstructionSettled.event_type) for span in spans
    )
    return booked and len(roots(spans)) == 1


def roots(spans: Sequence[Span]) -> list[Span]:
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


def test_it_has_one_beginning_from_which_everything_follows(traces: Sequence[Sequence[Span]]) -> None:
    for spans in filter(is_whole, traces):
        [root] = roots(spans)
        assert (root.service, root.name.split()[0]) == ("front-office", "publish")
        assert {span.service for span in spans} == ON_THE_ROAD


def test_the_statements_of_every_service_are_in_a_trace(traces: Sequence[Sequence[Span]]) -> None:
    with_statements = {span.service for spans in traces for span in spans if span.statement}
    assert with_statements == ON_THE_ROAD - {"front-office"}


def test_it_is_found_by_the_trades_id_too(platform: Stack, traces: Sequence[Sequence[Span]]) -> None:
    spans = next(filter(is_whole, traces))
    trade_id = next(span.key for span in spans if span.service == "compliance" and span.key)
    assert trace_of(platform, trade_id)[0].trace_id == spans[0].trace_id
