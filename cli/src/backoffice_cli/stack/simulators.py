"""The outside world's processes in the stack: which of them are wanted, and with which switches.

What is wanted lies in a file that the supervisor follows, so that it can change while the stack runs and holds over
a restart.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backoffice_cli.stack import processes
from backoffice_cli.stack.component import Supervised
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.plan import Plan
from backoffice_cli.stack.state import Component

SERVERS = ("csd", "counterparties")
Wanted = Mapping[str, Sequence[str]]


def want(folder: Path, wanted: Wanted) -> None:
    """Ask the supervisor to run these simulators, by name, each with its command line's switches, and no others."""
    write_whole(_file(folder), json.dumps({name: list(switches) for name, switches in wanted.items()}))


def wanted(folder: Path) -> dict[str, list[str]]:
    """Return the simulators that are to run."""
    try:
        found: dict[str, list[str]] = json.loads(_file(folder).read_text())
    except FileNotFoundError:
        return {}
    return found


def simulator(plan: Plan, name: str, switches: Sequence[str], folder: Path) -> Supervised:
    """Describe a simulator. It serves nobody over HTTP: it is ready when it runs."""
    command = (sys.executable, "-m", f"simulators.{name}", *switches)
    view = Component(name, switches=list(switches))
    return processes.supervised(view, command, processes.base_environment(plan), _runs, folder)


async def _runs() -> bool:
    return True


def _file(folder: Path) -> Path:
    return folder / "simulators.json"
