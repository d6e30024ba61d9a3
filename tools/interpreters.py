"""Print the Python to set the clone up with: the one that leads on the path, unless another of it is clearly faster.

Version managers often build Python without the compiler's optimisations, and the system's own then does the same work
in three quarters of the time. Needs the standard library alone.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python")
SPEED = Path(__file__).parent / "interpreter_speed.py"
CLEARLY = 0.9
"""The share of another's time below which an interpreter is clearly faster: less could be chance."""
TURNS = 5
"""Each is measured that often, by turns: a cold or busy machine makes one reading slower than the next by a fifth."""


def found() -> Iterator[Path]:
    """Return the interpreters on the path, each once, those that its owner prefers first."""
    seen: set[Path] = set()
    for name in NAMES:
        for folder in os.get_exec_path():
            path = Path(folder) / name
            if os.access(path, os.X_OK) and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def microseconds(interpreter: Path) -> int | None:
    """Return what an interpreter takes for a given piece of work, None when it will not do for the platform."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired, ValueError):
        measured = subprocess.run(
            [interpreter, SPEED], capture_output=True, text=True, timeout=30, check=False
        )
        return int(measured.stdout)
    return None


def chosen() -> Path:
    """Return the interpreter to use: this one when there is no better."""
    candidates = list(found())
    turns = [[microseconds(interpreter) for interpreter in candidates] for _ in range(TURNS)]
    best, least = Path(sys.executable), None
    for interpreter, taken in zip(candidates, zip(*turns, strict=True), strict=True):
        fastest = min((one for one in taken if one is not None), default=None)
        if fastest is not None and (least is None or fastest < CLEARLY * least):
            best, least = interpreter, fastest
    return best


if __name__ == "__main__":
    print(chosen())
