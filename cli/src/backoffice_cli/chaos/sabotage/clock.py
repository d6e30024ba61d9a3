"""A wall clock that jumps: the process reads the machine's, moved by what a file says at that moment.

Only what tells the time of day moves: `time.time`, and the services' own `SystemClock`. The monotonic clock, by which
everything waits, stays, as it does when an administrator or NTP sets a machine's clock.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from backoffice_cli.chaos.sabotage.patching import Target

_NEXT_LOOK_SECONDS: Final = 0.05

SYSTEM_CLOCK: Final = Target("backoffice_chassis.clock:SystemClock.now")
TIME: Final = Target("time:time")


class Offset:
    """The seconds in a file, read again now and then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = 0.0
        self._look_at = 0.0

    def seconds(self) -> float:
        """Return by how much the clock is wrong; nothing while there is no file."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _NEXT_LOOK_SECONDS
            try:
                self._seconds = float(self._file.read_text())
            except (FileNotFoundError, ValueError):
                self._seconds = 0.0
        return self._seconds


def install(file: Path) -> None:
    """Let the wall clock of this process follow a file, and take the time zone that TZ names."""
    offset = Offset(file)

    def moved_clock(original: Any) -> Any:
        return lambda clock: original(clock) + timedelta(seconds=offset.seconds())

    def moved_time(original: Any) -> Any:
        return lambda: original() + offset.seconds()

    SYSTEM_CLOCK.replace(moved_clock)
    TIME.replace(moved_time)
    if "TZ" in os.environ:
        time.tzset()
