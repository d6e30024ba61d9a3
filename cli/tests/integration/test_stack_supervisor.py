"""The embedded stack comes up, stays up through kills, and goes down without a trace."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from backoffice_cli.commands.status import describe
from backoffice_cli.stack import holds
from backoffice_cli.stack.control import bring_down, bring_up, delete_data, run_simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.stack.postgres import data_folders
from backoffice_cli.stack.state import Phase, State, read_state

pytestmark = pytest.mark.integration
PATIENCE_SECONDS = 120


def up(stack_folder: Path) -> State:
    return bring_up(stack_folder, lambda _: None, servers_only=True)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.05)


def is_ready_again(stack_folder: Path, name: str, before: State) -> bool:
    state = read_state(stack_folder)
    return (
        state is not None
        and state.components[name].restarts > before.components[name].restarts
        and state.components[name].phase is Phase.READY
    )


def pids(state: State) -> list[int]:
    return [part.pid for part in state.components.values() if part.pid]


def test_a_second_start_joins_what_runs(stack_folder: Path) -> None:
    assert pids(up(stack_folder)) == pids(up(stack_folder))


@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_a_killed_server_is_started_again(stack_folder: Path, name: str) -> None:
    before = up(stack_folder)
    pid = before.components[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_ready_again(stack_folder, name, before))
    after = read_state(stack_folder)
    assert after is not None
    assert after.components[name].pid != pid
    assert describe(stack_folder)["phase"] == Phase.READY


@pytest.mark.skipif(sys.platform != "linux", reason="ports are reserved on Linux alone")
def test_nobody_takes_the_port_of_a_server_that_is_down(stack_folder: Path) -> None:
    state = up(stack_folder)
    pid, port = state.components["kafka"].pid, state.components["kafka"].port
    assert pid is not None
    assert port is not None
    holds.hold(stack_folder, "kafka")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid))
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind((LOOPBACK, port))
    holds.let_go(stack_folder, "kafka")
    wait_until(lambda: is_ready_again(stack_folder, "kafka", state))


def test_a_server_that_cannot_be_started_for_now_is_tried_until_it_can(stack_folder: Path) -> None:
    """As on a full disk, where it cannot write down that its data are prepared."""
    before = up(stack_folder)
    pid = before.components["postgres"].pid
    assert pid is not None
    marks = [folder / "initialised" for folder in data_folders(stack_folder / "postgres")]
    (mark,) = [mark for mark in marks if mark.exists()]
    prepared = mark.read_text()
    mark.unlink()
    (mark / "in the way").mkdir(parents=True)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "postgres cannot be started now" in " ".join(messages(stack_folder)))
    (mark / "in the way").rmdir()
    mark.rmdir()
    mark.write_text(prepared)
    wait_until(lambda: is_ready_again(stack_folder, "postgres", before))


def messages(stack_folder: Path) -> list[str]:
    state = read_state(stack_folder)
    return state.messages if state else []


def test_after_the_supervisor_is_killed_nothing_is_left_and_it_starts_again(stack_folder: Path) -> None:
    before = up(stack_folder)
    os.kill(before.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids(before)))
    assert not describe(stack_folder)["running"]
    assert up(stack_folder).phase is Phase.READY


def test_simulators_run_with_the_switches_asked_for_until_they_are_not_wanted(stack_folder: Path) -> None:
    up(stack_folder)
    run_simulators(stack_folder, {"csd": ["--failing", "0.5"]})
    run_simulators(stack_folder, {"csd": ["--failing", "0.25"]})
    found = describe(stack_folder)["components"]
    assert psutil.Process(found["csd"]["pid"]).cmdline()[-2:] == ["--failing", "0.25"]
    run_simulators(stack_folder, {})
    assert not psutil.pid_exists(found["csd"]["pid"])
    assert "csd" not in describe(stack_folder)["components"]


def test_a_stack_with_an_owner_ends_with_it(stack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_down(stack_folder)
    owner = subprocess.Popen(["/bin/sleep", "600"])
    monkeypatch.setenv("BACKOFFICE_OWNER_PID", str(owner.pid))
    running = pids(up(stack_folder))
    owner.kill()
    owner.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in running))
    wait_until(lambda: not describe(stack_folder)["running"])


def test_a_start_that_is_interrupted_at_once_leaves_no_supervisor(stack_folder: Path) -> None:
    bring_down(stack_folder)
    interrupted = (
        "import os, signal, subprocess, sys; from pathlib import Path; from backoffice_cli.stack import control; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # a run in the background may ignore it
        "control.time.sleep = lambda _: os.kill(os.getpid(), signal.SIGINT); "
        "control.bring_up(Path(sys.argv[1]), print, servers_only=True)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", interrupted, stack_folder], capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGINT
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    assert not [
        words
        for words in commands
        if "backoffice_cli.stack.supervisor" in words and str(stack_folder) in words
    ]


def test_it_keeps_its_addresses_over_a_restart(stack_folder: Path) -> None:
    before = up(stack_folder)
    assert bring_down(stack_folder)
    assert up(stack_folder).bootstrap_servers == before.bootstrap_servers


def test_data_of_a_running_stack_are_not_deleted(stack_folder: Path) -> None:
    up(stack_folder)
    with pytest.raises(StackError, match="running"):
        delete_data(stack_folder)


def test_secrets_are_for_their_owner_alone(stack_folder: Path) -> None:
    up(stack_folder)
    for name in ("plan.json", "issuer/clients.json"):
        assert (stack_folder / name).stat().st_mode & 0o077 == 0


def test_going_down_stops_every_process(stack_folder: Path) -> None:
    running = pids(up(stack_folder))
    assert bring_down(stack_folder)
    assert not any(psutil.pid_exists(pid) for pid in running)
    assert not bring_down(stack_folder)
