"""Two demos in one folder: the second waits, and a killed one keeps nobody out."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice_cli.demo.alone import alone

pytestmark = pytest.mark.unit

HOLDER = """
import sys, time
from pathlib import Path
from backoffice_cli.demo.alone import alone
with alone(Path(sys.argv[1]), print):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_demo_waits_for_the_one_that_runs_and_names_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"

        def kill_it(text: str) -> None:
            said.append(text)
            holder.send_signal(signal.SIGKILL)

        with alone(tmp_path, kill_it):
            assert holder.wait() == -signal.SIGKILL
    assert len(said) == 1
    assert said[0].endswith(f"kill {holder.pid}")


def test_a_demo_after_one_that_ended_says_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with alone(tmp_path, said.append):
            pass
    assert said == []
