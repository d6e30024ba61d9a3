"""A broker dies and comes back: the only one, or one of three."""

import random

from backoffice_cli.chaos.fault import Drawn, Fault, Need, OneFault, Planned, Shape
from backoffice_cli.chaos.outage import bring_back, take_down
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.topology import CLUSTER, Topology


class BrokerKilled(OneFault):
    """SIGKILL to a broker; it stays down for a while, then comes back with what its disk holds."""

    name = "broker-killed"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw which one, and how long it is down."""
        brokers = CLUSTER if Need.CLUSTER in shape.provides else 1
        target = draw.choice(Topology(brokers=brokers).broker_names)
        return Drawn(target, round(draw.uniform(0.5, 12.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Kill it."""
        take_down(stage, planned, planned.target)

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let it start again."""
        bring_back(stage, planned)


FAULTS: tuple[Fault, ...] = (BrokerKilled(),)
