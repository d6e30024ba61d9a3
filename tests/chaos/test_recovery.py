"""After each fault of database, brokers, network and clocks trades flow again by themselves, and the books agree.

Long: some fifteen minutes, where BACKOFFICE_CHAOS_LONG is set. `-s` shows how soon that was; docs/reliability.md has
the figures of one run.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import count

import pytest

from backoffice_cli.bench.measure import taken
from backoffice_cli.chaos.fault import Act, Drawn, Parameters, Planned
from backoffice_cli.chaos.front_office import FrontOffice
from backoffice_cli.chaos.recovery import recover
from backoffice_cli.chaos.registry import FAULTS
from backoffice_cli.chaos.run import world_of
from backoffice_cli.chaos.shape import shape_of
from backoffice_cli.chaos.stacks import Stacks, record_of
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.chaos.timeline import timeline
from backoffice_cli.commands import reconcile
from backoffice_cli.stack import disk

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("BACKOFFICE_CHAOS_LONG" not in os.environ, reason="long: set BACKOFFICE_CHAOS_LONG=1"),
]

SEED = 4_000_000
TRADES = 6_000
SECONDS = 800.0
FLOWING = 5
"""Events that the ledger has booked since the healing began: trades flow."""
PATIENCE_SECONDS = 120

GOOD = {"passage": "open", "latency": 0.0, "jitter": 0.0, "direction": "both"}
HELD, REFUSED = {**GOOD, "passage": "held"}, {**GOOD, "passage": "refused"}
ALONE: list[tuple[str, str, float, Parameters]] = [
    ("database-killed", "postgres", 5, {}),
    ("sessions-terminated", "trade-capture,compliance,settlement,ledger", 0, {}),
    ("role-is-full", "ledger", 6, {"limit": 0}),
    ("server-is-full", "settlement", 5, {}),
    ("disk-is-full", "postgres", 6, {"left": 0}),
    ("deadlock", "settlement", 4, {}),
    ("rows-locked", "ledger", 5, {}),
    ("serialization-failures", "compliance", 5, {"likely": 0.9}),
    ("broker-killed", "kafka", 8, {}),
    ("connections-cut", "postgres", 0, {}),
    ("connections-cut", "kafka", 0, {}),
    ("connections-lost", "postgres", 0, {}),
    ("connections-lost", "kafka", 0, {}),
    ("slow-network", "postgres", 5, {**GOOD, "latency": 0.05, "jitter": 0.05}),
    ("slow-network", "kafka", 5, {**GOOD, "latency": 0.05, "jitter": 0.05}),
    ("unreachable", "postgres", 10, REFUSED),
    ("unreachable", "kafka", 10, REFUSED),
    ("black-hole", "postgres", 15, HELD),
    ("black-hole", "kafka", 15, HELD),
    ("black-hole", "kafka", 60, HELD),
    ("black-hole", "postgres", 15, {**HELD, "direction": "answers"}),
    ("black-hole", "kafka", 15, {**HELD, "direction": "answers"}),
    ("clock-jumps", "trade-capture", 5, {"jump": -3600, "zone": "Asia/Kathmandu"}),
    ("clock-jumps", "settlement", 5, {"jump": 34_560_000, "zone": "UTC"}),
]
OF_A_CLUSTER: list[tuple[str, str, float, Parameters]] = [
    ("broker-killed", "kafka-2", 10, {}),
    ("leader-killed", "frontoffice.trades.v1", 10, {}),
    ("leader-killed", "__consumer_offsets", 10, {}),
    ("leader-killed", "controller", 10, {}),
    ("leader-moved", "trading.trades.v1", 0, {}),
    ("connections-lost", "kafka-1,kafka-2,kafka-3", 0, {}),
    ("connections-lost", "postgres", 0, {}),
    ("server-is-full", "settlement", 5, {}),
    ("disk-is-full", "postgres", 6, {"left": 0}),
    ("leader-moved", "__consumer_offsets", 0, {}),
    ("black-hole", "kafka-1,kafka-2,kafka-3", 15, HELD),
]
CASES = [(1, fault, Drawn(*drawn)) for fault, *drawn in ALONE]
CASES += [(3, fault, Drawn(*drawn)) for fault, *drawn in OF_A_CLUSTER]
NewStacks = Callable[[int], AbstractContextManager[Stacks]]
numbers = count(1)


@dataclass
class Flow:
    """Trades that are published all the time, until `end`."""

    stage: Stage
    playing: Future[None]

    def end(self) -> None:
        self.playing.cancel()


class Flows:
    """A flow of trades through a stack of so many brokers, one at a time: the next one ends the last."""

    def __init__(self, new_stacks: NewStacks) -> None:
        self._new_stacks = new_stacks
        self._open = ExitStack()
        self._flows: dict[int, Flow] = {}

    def of(self, brokers: int) -> Flow:
        if brokers not in self._flows:
            for each in self._flows.values():
                agree(each)
            self._open.close()
            self._flows = {brokers: self._begin(brokers)}
        return self._flows[brokers]

    def _begin(self, brokers: int) -> Flow:
        platform = self._open.enter_context(self._new_stacks(brokers)).for_seed(SEED, TRADES)
        due = timeline(SEED, TRADES, {Act.TRADING: SECONDS}, world_of(platform), late=0)[Act.TRADING]
        servers = platform.plan.clients_bootstrap_servers
        front_office = self._open.enter_context(FrontOffice(servers, record_of(platform.folder)))
        shape = shape_of(platform.plan.topology)
        stage = Stage(platform, shape, front_office, random.Random(SEED), print)
        return Flow(stage, front_office.play(due))

    def close(self) -> None:
        self._open.close()


@pytest.fixture(scope="module")
def flows(new_stacks: NewStacks) -> Iterator[Flows]:
    found = Flows(new_stacks)
    yield found
    found.close()


def booked(stage: Stage) -> int:
    return taken(stage.platform, "ledger.trades")


@pytest.mark.parametrize(
    ("brokers", "fault", "drawn"),
    CASES,
    ids=[f"{brokers}-{name}-{drawn.target}" for brokers, name, drawn in CASES],
)
def test_trades_flow_again(flows: Flows, brokers: int, fault: str, drawn: Drawn) -> None:
    if not disk.may_mount() and fault == "disk-is-full":
        pytest.skip("a disk of its own takes root")
    stage = flows.of(brokers).stage
    before = booked(stage)
    assert stage.until(lambda: booked(stage) > before, PATIENCE_SECONDS), "trades did not flow before"
    planned = Planned(next(numbers), Act.TRADING, 0, fault, drawn)
    FAULTS[fault].inject(stage, planned)
    threading.Event().wait(drawn.lasts)
    healed = time.monotonic()
    standing = booked(stage)
    FAULTS[fault].heal(stage, planned)
    assert stage.until(lambda: booked(stage) >= standing + FLOWING, PATIENCE_SECONDS), (
        "trades do not flow again"
    )
    stage.note(planned, f"trades flow {time.monotonic() - healed:.1f} s after the healing began")
    stage.finish_aside()


def test_the_books_agree_in_the_end(flows: Flows) -> None:
    agree(flows.of(3))


def agree(flow: Flow) -> None:
    """See that the books agree once the flow has ended and nothing moves any more."""
    flow.end()
    recover(flow.stage)
    report = reconcile.run(flow.stage.platform)
    assert report.breaks == []
    assert report.ok
