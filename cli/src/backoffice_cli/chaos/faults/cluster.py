"""A cluster's leaders: killed where it hurts most, or moved to another broker under load."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from backoffice_cli.chaos.fault import Drawn, Fault, Need, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.leaders import Leaders, Led
from backoffice_cli.chaos.outage import bring_back, take_down
from backoffice_cli.chaos.stage import Stage

T = TypeVar("T")
BUSY_TOPICS = (
    "frontoffice.trades.v1",
    "trading.trades.v1",
    "compliance.decisions.v1",
    "settlement.instructions.v1",
    "csd.advices.v1",
    "__consumer_offsets",
    "__transaction_state",
)
CONTROLLER = "controller"


class LeaderKilled(OneFault):
    """SIGKILL to the broker that leads a busy partition, or to the active controller, whoever that is just then."""

    name = "leader-killed"
    needs = frozenset({Need.CLUSTER})

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw what it leads, and for how long it is down."""
        return Drawn(draw.choice((*BUSY_TOPICS, CONTROLLER)), round(draw.uniform(1.0, 12.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Find the leader and kill it."""
        take_down(stage, planned, f"kafka-{_now(_leader(stage, planned.target))}")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let it start again."""
        bring_back(stage, planned)


class LeaderMoved(OneFault):
    """The leadership of every partition of a busy topic goes to another broker, while records arrive."""

    name = "leader-moved"
    needs = frozenset({Need.CLUSTER})

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the topic."""
        return Drawn(draw.choice(BUSY_TOPICS))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Move each partition to the next broker that is in sync."""
        moved = _now(_move(stage, planned.target))
        if not moved:
            raise NotNowError("no other broker is in sync")
        stage.note(planned, ", ".join(f"{each.partition}: {each.leader} to {to}" for each, to in moved))

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Nothing to do: one leader is as good as another."""


def _now(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (KafkaError, OSError, TimeoutError) as error:
        raise NotNowError(f"the brokers do not answer: {error!r}") from error


async def _leader(stage: Stage, target: str) -> int:
    async with Leaders.of(stage.platform.bootstrap_servers) as leaders:
        if target == CONTROLLER:
            return await leaders.controller()
        return (await leaders.partitions(target))[0].leader


async def _move(stage: Stage, topic: str) -> list[tuple[Led, int]]:
    async with Leaders.of(stage.platform.bootstrap_servers) as leaders:
        moves = [(led, successor(led)) for led in await leaders.partitions(topic)]
        possible = [(led, to) for led, to in moves if to is not None]
        for led, to in possible:
            await leaders.move(led, to)
        return possible


def successor(led: Led) -> int | None:
    """Return the node after the leader, in the order of their numbers, that is in sync; None when there is none."""
    others = sorted(led.in_sync - {led.leader})
    return next((node for node in others if node > led.leader), others[0] if others else None)


FAULTS: tuple[Fault, ...] = (LeaderKilled(), LeaderMoved())
