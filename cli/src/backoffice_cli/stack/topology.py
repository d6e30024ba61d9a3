"""What the stack of a folder is built like, where that is to be other than usual. Kept in the folder's `topology.json`.

It is chosen before the first start: the broker's and the database's data are made for it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import write_whole

CLUSTER = 3
"""Brokers of a cluster: three copies of each record, and one broker may be away."""


@dataclass(frozen=True, slots=True)
class Topology:
    """brokers: 1, or 3 that copy one another.

    proxied: the platform's processes reach brokers and database through proxies, so that the network can be made bad.
    database_disk_mb: the database lies on a disk of its own of this size, in memory; needs root. 0: on the folder's.
    traces: a process takes the platform's traces, and `backoffice trace` shows them.
    """

    brokers: int = 1
    proxied: bool = False
    database_disk_mb: int = 0
    traces: bool = False

    @property
    def broker_names(self) -> tuple[str, ...]:
        """Return the names of the brokers' components."""
        if self.brokers == 1:
            return ("kafka",)
        return tuple(f"kafka-{number}" for number in range(1, self.brokers + 1))

    @property
    def server_names(self) -> tuple[str, ...]:
        """Return the names of all that the services stand on, and that a proxy may stand before."""
        return (*self.broker_names, "postgres")

    @property
    def ports(self) -> list[str]:
        """Return the names of the ports that its servers listen on."""
        controllers = [f"{name}-controller" for name in self.broker_names]
        further = [*(self._proxy_ports if self.proxied else ()), *(("traces",) if self.traces else ())]
        return [*self.server_names, "issuer", *controllers, *further]

    @property
    def _proxy_ports(self) -> list[str]:
        """`<name>-proxy` stands before the server; a broker has a listener of its own behind it, and its clients come
        back to the address that the listener tells them."""
        behind = [f"{name}-behind-proxy" for name in self.broker_names]
        return ["network", *behind, *(f"{name}-proxy" for name in self.server_names)]


USUAL = Topology()


def choose(folder: Path, topology: Topology) -> None:
    """Build the folder's stack like this from its first start on.

    Raises StackError when its data were made for another, or when there is no such topology.
    """
    if topology.brokers not in (1, CLUSTER):
        raise StackError(
            f"A stack has 1 broker or {CLUSTER}, not {topology.brokers}.", "Ask for one of these."
        )
    if chosen(folder) == topology:
        return
    if (folder / "plan.json").exists():
        raise StackError(
            f"{folder} holds the data of a stack that is built otherwise.",
            "Take another folder (--state DIR), or give these up: backoffice down --delete-data",
        )
    write_whole(folder / "topology.json", json.dumps(asdict(topology)))


def chosen(folder: Path) -> Topology:
    """Return what the folder's stack is built like."""
    try:
        return Topology(**json.loads((folder / "topology.json").read_text()))
    except FileNotFoundError:
        return USUAL
