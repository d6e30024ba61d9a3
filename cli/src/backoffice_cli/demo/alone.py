"""One demo at a time in a state folder: each starts over, and would take the other's platform away."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Wait for another demo in this folder to end, then keep others out. The kernel lets go when we die."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            say(f"Another demo runs in {folder}: waiting for it to end. To end it: kill {handle.read()}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
