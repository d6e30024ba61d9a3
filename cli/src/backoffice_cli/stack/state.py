"""What the supervisor tells everybody else: `state.json`, and the lock that it holds while it lives."""

import fcntl
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from backoffice_cli.stack.paths import write_whole


class Phase(StrEnum):
    """How far the stack, or one component of it, is."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass
class Component:
    """One process of the stack.

    started: its creation time, by which it is told from a later process of the same pid. switches: a simulator's.
    """

    name: str
    port: int | None = None
    pid: int | None = None
    started: float | None = None
    phase: Phase = Phase.STOPPED
    restarts: int = 0
    switches: list[str] = field(default_factory=list)


@dataclass
class State:
    """The stack as its supervisor last saw it. messages: what happened, in the order it did."""

    supervisor_pid: int
    servers_only: bool = False
    phase: Phase = Phase.STARTING
    messages: list[str] = field(default_factory=list)
    bootstrap_servers: str = ""
    issuer_url: str = ""
    components: dict[str, Component] = field(default_factory=dict)
    migrated: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Publish the state in one step."""
        write_whole(folder / "state.json", json.dumps(asdict(self), indent=1))


def read_state(folder: Path) -> State | None:
    """Return the last published state, None when there is none or an older release wrote it."""
    try:
        found = json.loads((folder / "state.json").read_text())
        components = {name: Component(**value) for name, value in found.pop("components").items()}
        state = State(**found, components=components)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    state.phase = Phase(state.phase)
    for component in components.values():
        component.phase = Phase(component.phase)
    return state


def take_lock(folder: Path, pid: int) -> IO[str] | None:
    """Become the folder's supervisor; None when there is one. Closing the file, or dying, gives the lock back."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / "supervisor.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    handle.truncate(0)
    handle.write(str(pid))
    handle.flush()
    return handle


def supervisor_pid(folder: Path) -> int | None:
    """Return the living supervisor of a folder, None when there is none."""
    try:
        handle = (folder / "supervisor.lock").open("r")
    except FileNotFoundError:
        return None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = handle.read()
            return int(text) if text else None
    return None
