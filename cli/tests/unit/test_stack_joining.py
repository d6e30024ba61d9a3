"""What a start says of a stack that runs: that it runs, and none of the steps that were taken then."""

import os
from pathlib import Path

import pytest

from backoffice_cli.stack.control import bring_up
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.state import Phase, State, take_lock

pytestmark = pytest.mark.unit


def told(folder: Path, phase: Phase) -> list[str]:
    """Return what a start says while a supervisor, this process, is at `phase`."""
    said: list[str] = []
    pid = os.getpid()
    with take_lock(folder, pid) or pytest.fail("somebody has the lock"):
        State(pid, phase=phase, messages=["Starting Kafka", "Kafka stopped"]).write(folder)
        if phase is Phase.READY:
            bring_up(folder, said.append)
        else:
            with pytest.raises(StackError):
                bring_up(folder, said.append)
    return said


def test_a_stack_that_is_up_is_said_to_run_already(tmp_path: Path) -> None:
    assert told(tmp_path, Phase.READY) == ["The platform is already running"]


def test_of_a_stack_that_is_not_well_its_steps_are_told(tmp_path: Path) -> None:
    assert told(tmp_path, Phase.DEGRADED) == ["Starting Kafka", "Kafka stopped"]
