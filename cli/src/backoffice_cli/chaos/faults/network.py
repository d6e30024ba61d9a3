"""The network between the platform and its servers: slow, cut, refused, or a black hole, one way or both."""

import random
from dataclasses import dataclass

from backoffice_cli.chaos.fault import Drawn, Fault, Need, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.network import Network
from backoffice_cli.chaos.proxy import Condition, Direction, Passage
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.topology import CLUSTER, Topology


def network_of(stage: Stage) -> Network:
    """Return the stack's network. Raises NotNowError when it has no proxies."""
    if not stage.platform.plan.topology.proxied:
        raise NotNowError("the stack has no proxies")
    return Network(stage.platform.plan.ports["network"])


def links_of(shape: Shape) -> tuple[str, ...]:
    """Return what can be cut off in a stack of this shape: the database, or all brokers at once."""
    brokers = CLUSTER if Need.CLUSTER in shape.provides else 1
    return ("postgres", ",".join(Topology(brokers=brokers).broker_names))


@dataclass(frozen=True)
class ConnectionsEnd(OneFault):
    """Every connection of a server ends and new ones pass. told: the clients get a reset; else they hear nothing."""

    name: str
    told: bool
    weight: float = 1.0
    needs: frozenset[Need] = frozenset({Need.PROXIES})

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the server."""
        return Drawn(draw.choice(links_of(shape)))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """End them."""
        network = network_of(stage)
        end = network.cut if self.told else network.lose
        stage.note(planned, f"{sum(map(end, planned.target.split(',')))} connections ended")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Nothing to do: new connections pass."""


@dataclass(frozen=True)
class Impaired(OneFault):
    """The way to a server is in a bad condition for a while."""

    name: str
    passages: tuple[Passage, ...]
    shortest: float
    longest: float
    slowest: float = 0.0
    directions: tuple[Direction, ...] = (Direction.BOTH,)
    needs: frozenset[Need] = frozenset({Need.PROXIES})

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the server, the condition, and for how long."""
        condition: dict[str, int | float | str] = {
            "passage": draw.choice(self.passages),
            "latency": round(draw.uniform(0, self.slowest), 3),
            "jitter": round(draw.uniform(0, self.slowest), 3),
            "direction": draw.choice(self.directions),
        }
        return Drawn(
            draw.choice(links_of(shape)), round(draw.uniform(self.shortest, self.longest), 1), condition
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Impose it. Raises NotNowError where the way is bad already: two conditions do not add up."""
        network, names = network_of(stage), planned.target.split(",")
        seen = network.seen()
        if any(seen[name]["passage"] != Passage.OPEN or seen[name]["latency"] for name in names):
            raise NotNowError("the way there is bad already")
        network.impose(_condition(planned), *names)
        stage.note(planned, ", ".join(f"{name} {value}" for name, value in planned.parameters.items()))

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let the way be good again."""
        network_of(stage).mend(*planned.target.split(","))
        stage.note(planned, "the way is good again")


def _condition(planned: Planned) -> Condition:
    drawn = planned.parameters
    return Condition(
        Passage(str(drawn["passage"])),
        float(drawn["latency"]),
        float(drawn["jitter"]),
        Direction(str(drawn["direction"])),
    )


FAULTS: tuple[Fault, ...] = (
    ConnectionsEnd("connections-cut", told=True),
    ConnectionsEnd("connections-lost", told=False, weight=0.3),  # a client's time-out of 40 s each time
    Impaired("slow-network", (Passage.OPEN,), 3.0, 15.0, slowest=0.05),
    Impaired("unreachable", (Passage.REFUSED,), 1.0, 15.0),
    Impaired("black-hole", (Passage.HELD,), 1.0, 20.0, directions=tuple(Direction)),
)
