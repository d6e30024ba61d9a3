"""Starting, following and stopping a folder's supervisor from the outside."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from backoffice_cli.stack import children, disk, simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import description_of, repository_root
from backoffice_cli.stack.postgres import data_folders
from backoffice_cli.stack.state import Phase, State, read_state, supervisor_pid

UP_SECONDS = 300
DOWN_SECONDS = 60
GRACE_SECONDS = 5
SIMULATOR_SECONDS = 30
LARGEST_LOG_BYTES = 50_000_000


def bring_up(folder: Path, say: Callable[[str], None], *, servers_only: bool = False) -> State:
    """Start the stack, or join the one that runs or is being started, and return once it is up.

    say: gets each step as it happens, or that all of it runs already. servers_only: leave the services to the caller.
    Raises StackError when the stack does not come up. Interrupted, it stops what it started.
    """
    _is_for_a_stack(folder)
    running = read_state(folder)
    if (
        running is not None
        and running.phase is Phase.READY
        and supervisor_pid(folder) == running.supervisor_pid
    ):
        say("The platform is already running")
        return _arrived(running, servers_only=servers_only)
    starting: list[subprocess.Popen[bytes]] = []
    try:
        return _follow_up(folder, say, starting, servers_only=servers_only)
    except KeyboardInterrupt:
        # A supervisor that has not taken its lock yet is one that nobody else could find.
        children.stop([(one, signal.SIGTERM) for one in starting], patience_seconds=DOWN_SECONDS)
        raise


def _is_for_a_stack(folder: Path) -> None:
    if description_of(folder).exists():
        raise StackError(
            f"{folder} describes a platform that runs elsewhere.",
            "Start and stop it there (containers: make compose-up, compose-down), or name another folder: --state",
        )


def _follow_up(
    folder: Path, say: Callable[[str], None], starting: list[subprocess.Popen[bytes]], *, servers_only: bool
) -> State:
    """Tell each step until the stack is up. starting: gets the supervisor that had to be started."""
    deadline = time.monotonic() + UP_SECONDS
    spawned: subprocess.Popen[bytes] | None = None
    told = 0
    while time.monotonic() < deadline:
        holder = supervisor_pid(folder)
        state = read_state(folder)
        if state is not None and (holder == state.supervisor_pid or _is_of(state, spawned)):
            told = _tell(state, told, say)
            if state.phase in (Phase.READY, Phase.DEGRADED, Phase.FAILED):
                return _arrived(state, servers_only=servers_only)
        if holder is None:
            if spawned is None:
                spawned = _spawn(folder, ["--servers-only"] if servers_only else [])
                starting.append(spawned)
            elif spawned.poll() is not None:
                raise StackError("The supervisor ended at once.", children.tail(_log(folder)))
        time.sleep(0.1)
    raise StackError(f"The stack is not up after {UP_SECONDS} s.", "See: backoffice status, backoffice logs")


def run_simulators(folder: Path, wanted: simulators.Wanted) -> None:
    """Run these simulators in a stack that is up, each with its switches, and no others; return once they run.

    Raises StackError when one does not.
    """
    simulators.want(folder, wanted)
    deadline = time.monotonic() + SIMULATOR_SECONDS
    while time.monotonic() < deadline:
        if _runs_exactly(read_state(folder), wanted):
            return
        time.sleep(0.1)
    raise StackError(f"Not all of {', '.join(wanted)} run.", "See: backoffice status, backoffice logs <name>")


def _runs_exactly(state: State | None, wanted: simulators.Wanted) -> bool:
    parts = state.components if state else {}
    running = {
        name: parts[name].switches
        for name in simulators.SERVERS
        if name in parts and parts[name].phase is Phase.READY
    }
    return running == {name: list(switches) for name, switches in wanted.items()}


def _is_of(state: State, spawned: subprocess.Popen[bytes] | None) -> bool:
    return spawned is not None and state.supervisor_pid == spawned.pid


def _tell(state: State, told: int, say: Callable[[str], None]) -> int:
    for message in state.messages[told:]:
        say(message)
    return len(state.messages)


def _arrived(state: State, *, servers_only: bool) -> State:
    if state.servers_only and not servers_only:
        raise StackError("The stack runs without the services (--servers-only).", "First: backoffice down")
    if state.phase is Phase.FAILED:
        raise StackError(state.messages[-1])
    if state.phase is Phase.DEGRADED:
        raise StackError(state.messages[-1], "The rest is up. See: backoffice status, backoffice logs <name>")
    return state


def _spawn(folder: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Start the supervisor so that it outlives us and our terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in (folder / "logs").glob("*.log"):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    _log(folder).parent.mkdir(exist_ok=True)
    with _log(folder).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "backoffice_cli.stack.supervisor", str(folder), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=repository_root(),
        )


def _log(folder: Path) -> Path:
    return folder / "logs" / "supervisor.log"


def bring_down(folder: Path) -> bool:
    """Stop everything and return whether something ran. A supervisor that does not listen is killed."""
    _is_for_a_stack(folder)
    pid = supervisor_pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not _gone(folder, DOWN_SECONDS):
            os.kill(pid, signal.SIGKILL)
            _gone(folder, GRACE_SECONDS)
    left = read_state(folder)
    for component in left.components.values() if left else ():
        if component.pid and component.started:
            children.stop_stranger(component.pid, component.started)
    return pid is not None


def _gone(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if supervisor_pid(folder) is None:
            return True
        time.sleep(0.05)
    return False


def delete_data(folder: Path) -> None:
    """Remove what the stack keeps: topics, databases, passwords, logs, what was seen of its audit logs.

    The stack must be down.
    """
    if supervisor_pid(folder) is not None:
        raise StackError("The stack is running.", "First: backoffice down")
    for place in data_folders(folder / "postgres"):
        disk.unmount(place)
    named = (folder / name for name in ("kafka", "issuer", "logs", "audit"))
    for place in (*data_folders(folder / "postgres"), *named):
        shutil.rmtree(place, ignore_errors=True)
    for name in (
        "plan.json",
        "state.json",
        "simulators.json",
        "topology.json",
        "holds.json",
        "overrides.json",
    ):
        (folder / name).unlink(missing_ok=True)
