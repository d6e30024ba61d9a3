"""Every fault there is, by name."""

from collections.abc import Sequence
from typing import Final

from backoffice_cli.chaos.fault import Fault, Shape
from backoffice_cli.chaos.faults import (
    backlog,
    broker,
    clock,
    cluster,
    contention,
    crash_points,
    database,
    network,
    processes,
    producers,
    redrives,
    replicas,
)
from backoffice_cli.stack.errors import StackError

_FAMILIES: Final[tuple[Sequence[Fault], ...]] = (
    processes.FAULTS,
    database.FAULTS,
    contention.FAULTS,
    broker.FAULTS,
    cluster.FAULTS,
    network.FAULTS,
    clock.FAULTS,
    backlog.FAULTS,
    replicas.FAULTS,
    crash_points.FAULTS,
    producers.FAULTS,
    redrives.FAULTS,
)

FAULTS: Final[dict[str, Fault]] = {fault.name: fault for family in _FAMILIES for fault in family}


def possible(shape: Shape) -> list[str]:
    """Return the names of all faults that a stack of this shape can have."""
    return [name for name, fault in FAULTS.items() if fault.needs <= shape.provides]


def named(names: Sequence[str], shape: Shape) -> list[Fault]:
    """Return these faults. Raises StackError for one that does not exist or that the stack cannot have."""
    for name in names:
        if name not in FAULTS:
            raise StackError(f"There is no fault {name}.", f"There are: {', '.join(FAULTS)}.")
        if missing := FAULTS[name].needs - shape.provides:
            raise StackError(f"The fault {name} needs {', '.join(sorted(missing))}.", "Leave it out.")
    return [FAULTS[name] for name in names]
