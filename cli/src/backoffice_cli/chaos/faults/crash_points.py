"""A service that kills itself at a named point of its work."""

import random
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backoffice_cli.chaos.children import Child, start_worker
from backoffice_cli.chaos.fault import Act, Drawn, Fault, Need, Planned, Shape
from backoffice_cli.chaos.faults.processes import start_otherwise
from backoffice_cli.chaos.sabotage import crash_points
from backoffice_cli.chaos.sabotage.__main__ import ONCE, WHAT
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack import children
from backoffice_cli.stack.overrides import Override

LAUNCHER = "backoffice_cli.chaos.sabotage"
REBALANCES = ("revoking", "assigned")
RELAY = ("outbox-read", "relay-sent", "relay-deleted")
SPEAKERS = ("trade-capture", "compliance", "settlement")
LISTENERS = (*SPEAKERS, "ledger")
_LATEST_PASS = 4
_IN_REBALANCE_LATEST = 2


@dataclass(frozen=True)
class CrashPoint:
    """A service is restarted so that it dies at a point of its work, the n-th time it comes by, and once only.

    The points inside a rebalance are reached because another worker joins, and leaves when the act is over. The points
    of the relay are for services that publish during a trade's life, the others for those that consume. There are many
    points: all together they are drawn as often as two other faults.
    """

    point: str
    needs: frozenset[Need] = frozenset()
    acts: tuple[Act, ...] = (Act.TRADING, Act.SETTLING)
    weight: float = 2 / len(crash_points.CRASH_POINTS)

    @property
    def name(self) -> str:
        """Return the fault's name."""
        return f"crash-{self.point}"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service and at which pass it dies."""
        latest = _IN_REBALANCE_LATEST if self.point in REBALANCES else _LATEST_PASS
        able = SPEAKERS if self.point in RELAY else LISTENERS
        return Drawn(
            draw.choice([service for service in shape.services if service in able]),
            parameters={"pass": draw.randint(1, latest)},
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Arm the point and restart the service."""
        sabotage = f"crash:{self.point}:{planned.parameters['pass']}"
        once = stage.folder / "sabotage" / f"{time.monotonic_ns()}.fired"
        once.parent.mkdir(exist_ok=True)
        environment = {WHAT: sabotage, ONCE: str(once)}
        start_otherwise(stage, planned.target, Override(launcher=LAUNCHER, environment=environment))
        stage.kept(planned)["once"] = once
        if self.point in REBALANCES:
            name = f"{planned.target}-joiner"
            stage.kept(planned)["joiner"] = start_worker(stage, planned.target, name)
        stage.note(planned, f"restarted with {sabotage}")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let its next start be as usual, and look back once all is quiet: it may die on what has piled up."""
        stage.give_back(planned.target)
        kept = stage.kept(planned)
        joiner: Child | None = kept.get("joiner")
        if joiner is not None:
            stage.aside(partial(children.stop, [(joiner, signal.SIGTERM)]))
        stage.afterwards(partial(self._look_back, stage, planned))

    def _look_back(self, stage: Stage, planned: Planned) -> None:
        """Say whether the point was reached; if not, see that it never will be."""
        once: Path = stage.kept(planned)["once"]
        if not once.exists():
            once.write_text("disarmed")
        fired = once.read_text() == crash_points.FIRED
        stage.note(planned, "it died there" if fired else "it did not come by so often")


FAULTS: tuple[Fault, ...] = tuple(CrashPoint(point) for point in crash_points.CRASH_POINTS)
