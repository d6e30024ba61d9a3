"""What a stack of a topology has for faults to act on."""

from backoffice_cli.chaos.fault import Need, Shape
from backoffice_cli.stack import disk
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.topology import CLUSTER, Topology

DATABASE_DISK_MB = 1024


def bad_weather(brokers: int) -> Topology:
    """Return the topology that has all that faults need on this machine: proxies, and a small disk where it may be."""
    return Topology(brokers, proxied=True, database_disk_mb=DATABASE_DISK_MB if disk.may_mount() else 0)


def shape_of(topology: Topology) -> Shape:
    """Return the shape that plans are drawn for."""
    meets = {
        Need.CLUSTER: topology.brokers == CLUSTER,
        Need.PROXIES: topology.proxied,
        Need.SMALL_DISK: topology.database_disk_mb > 0,
    }
    return Shape(
        tuple(service.name for service in SERVICES), frozenset(need for need, met in meets.items() if met)
    )
