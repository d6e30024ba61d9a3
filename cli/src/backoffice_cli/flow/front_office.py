"""The simulated front office: a process that replays the tape and leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from backoffice_chassis.settings import kafka_environment
from backoffice_cli.flow.switches import Switches, command_line
from backoffice_cli.platform import Platform
from backoffice_cli.stack import children
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root

_MODULE = "simulators.front_office"
_STOP_SECONDS = 10


class FrontOffice:
    """A front office that publishes within this context. Start it from the main thread, like every child."""

    def __init__(self, platform: Platform, switches: Switches) -> None:
        self._platform = platform
        self._command = [sys.executable, "-m", _MODULE, *command_line(switches)]
        self._log = platform.folder / "logs" / "front_office.log"

    def __enter__(self) -> "FrontOffice":
        environment = {
            **os.environ,
            **kafka_environment(self._platform.front_office),
            **({"BACKOFFICE_OTLP_ENDPOINT": endpoint} if (endpoint := self._platform.otlp_endpoint) else {}),
        }
        self._process = children.spawn(self._command, log=self._log, env=environment, cwd=repository_root())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop(self._process)

    @property
    def publishes(self) -> bool:
        """Say whether there is more to publish. Raises StackError when the front office gave up."""
        code = self._process.poll()
        if code:
            raise StackError(f"The front office ended with {code}.", children.tail(self._log))
        return code is None


def record_of(folder: Path) -> Path:
    """Return where the front office keeps its own record of what it published."""
    return folder / "front-office" / "published.jsonl"


def _stop(process: subprocess.Popen[bytes]) -> None:
    children.stop([(process, signal.SIGTERM)], patience_seconds=_STOP_SECONDS)
