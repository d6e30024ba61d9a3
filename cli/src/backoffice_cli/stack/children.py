"""Child processes that never outlive the one who started them."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from backoffice_cli.stack.errors import StackError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system user that a child runs as."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
    cwd: Path | str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, output appended to `log`; it gets `stop_signal` when we die.

    Call it from the main thread only: the kernel sends that signal when the starting *thread* ends.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_die_with(os.getpid(), stop_signal),  # noqa: PLW1509  it only makes two system calls
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def _die_with(parent: int, stop_signal: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None

    def ask_the_kernel() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


async def succeed(process: subprocess.Popen[bytes] | None, what: str, log: Path) -> None:
    """Wait for a child that ends by itself. Raises StackError, `what` and the log's end, unless it ends with 0."""
    while process is not None and process.poll() is None:  # noqa: ASYNC110  Popen offers no event
        await asyncio.sleep(0.05)
    if process is not None and process.returncode:
        raise StackError(what, tail(log))


def stop(
    children: Sequence[tuple[subprocess.Popen[bytes], signal.Signals]], *, patience_seconds: float = 15
) -> None:
    """Ask all to stop at once, wait for them together, kill who does not listen."""
    for child, stop_signal in children:
        if child.poll() is None:
            child.send_signal(stop_signal)
    deadline = time.monotonic() + patience_seconds
    for child, _ in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def stop_stranger(pid: int, started: float, *, patience_seconds: float = 15) -> None:
    """Stop a process that an earlier supervisor left behind, if it is still the same one."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started) > 1:
            return
        process.terminate()
        process.wait(patience_seconds)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        return


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, empty when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
