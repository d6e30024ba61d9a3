"""One supervised process: started, watched, started again when it dies."""

import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from backoffice_cli.stack.state import Component, Phase

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
STABLE_SECONDS = 30.0


@dataclass
class Supervised:
    """A process of the stack.

    start: starts it. ready: says whether it serves. log: where its output goes. view: what is published of it.
    """

    view: Component
    start: Callable[[], subprocess.Popen[bytes]]
    ready: Callable[[], Awaitable[bool]]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    failures: int = field(default=0)

    def launch(self) -> None:
        """Start the process and publish who it is. Raises OSError where the machine has no room for it."""
        self.started_at, self.restart_at = time.monotonic(), None
        self.process = self.start()
        self.view.pid, self.view.phase = self.process.pid, Phase.STARTING
        try:
            self.view.started = psutil.Process(self.process.pid).create_time()
        except psutil.Error:
            self.view.started = None

    @property
    def died(self) -> bool:
        """Say whether the process ended without being asked to."""
        return self.process is not None and self.process.poll() is not None

    def plan_restart(self) -> None:
        """Decide when to start again: at once after a long life, later and later after short ones."""
        now = time.monotonic()
        if now - self.started_at > STABLE_SECONDS:
            self.failures = 0
        self.restart_at = now + min(FIRST_DELAY_SECONDS * 2**self.failures, LONGEST_DELAY_SECONDS)
        self.failures += 1
        self.view.restarts += 1
        self.view.phase, self.view.pid, self.view.started = Phase.RESTARTING, None, None

    @property
    def restart_is_due(self) -> bool:
        """Say whether the time to start again has come."""
        return self.restart_at is not None and time.monotonic() >= self.restart_at
