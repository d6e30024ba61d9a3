"""Sabotage: its targets exist, what is unknown is refused, and a crash happens once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice_cli.chaos.sabotage.__main__ import ONCE, WHAT, commit
from backoffice_cli.chaos.sabotage.broken import BROKEN, TARGETS
from backoffice_cli.chaos.sabotage.crash_points import CRASH_POINTS
from backoffice_cli.chaos.sabotage.patching import SabotageError, Target

pytestmark = pytest.mark.unit

EVERY_TARGET = [point.target for point in CRASH_POINTS.values()] + list(TARGETS)
VICTIM = """
import asyncio
from backoffice_events.messaging.unit import Transactions

class Unit:
    async def flush(self):
        return False

async def main():
    for number in range(5):
        await Transactions(None, source="urn:x", clock=None).flush(Unit())
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("target", EVERY_TARGET, ids=lambda target: target.where)
def test_every_target_is_there(target: Target) -> None:
    assert callable(target.find())


@pytest.mark.parametrize(
    "sabotage", ["", "crash:nowhere:1", "crash:applied", "crash:applied:x", "break:nothing", "explode"]
)
def test_what_is_unknown_is_refused(sabotage: str) -> None:
    with pytest.raises(SabotageError):
        commit(sabotage, None)


def test_a_target_that_vanished_is_refused() -> None:
    with pytest.raises(SabotageError, match="not there any more"):
        Target("backoffice_events.messaging.unit:Transactions.gone").replace(lambda original: original)


def run(folder: Path, sabotage: str) -> subprocess.CompletedProcess[str]:
    (folder / "victim.py").write_text(VICTIM)
    environment = {**os.environ, "PYTHONPATH": str(folder), WHAT: sabotage, ONCE: str(folder / "once")}
    command = [sys.executable, "-m", "backoffice_cli.chaos.sabotage", "victim"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_process_dies_on_the_nth_pass_and_lives_the_next_time(tmp_path: Path) -> None:
    died = run(tmp_path, "crash:before-commit:3")
    assert died.returncode == -signal.SIGKILL
    assert died.stdout.split() == ["0", "1"]
    lived = run(tmp_path, "crash:before-commit:3")
    assert lived.returncode == 0
    assert len(lived.stdout.split()) == 5


def test_a_process_without_a_sabotage_does_not_start(tmp_path: Path) -> None:
    refused = run(tmp_path, "")
    assert refused.returncode == 2
    assert "names nothing" in refused.stderr


def test_broken_variants_and_crash_points_share_no_name() -> None:
    assert not BROKEN.keys() & CRASH_POINTS.keys()
