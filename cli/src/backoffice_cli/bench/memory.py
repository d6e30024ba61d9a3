"""How much memory each process of the stack holds."""

from collections import defaultdict
from contextlib import suppress

import psutil

from backoffice_cli.platform import Stack

_MEGABYTE = 1_000_000


def memory_mb(platform: Stack) -> dict[str, int]:
    """Return the memory of each process with its children, in megabytes; shared pages count once among them."""
    held: defaultdict[str, float] = defaultdict(float)
    for name, part in platform.state.components.items():
        if part.pid is not None:
            with suppress(psutil.NoSuchProcess):
                held[name] += _of_process(part.pid)
    return {name: round(size / _MEGABYTE) for name, size in sorted(held.items())}


def _of_process(pid: int) -> int:
    process = psutil.Process(pid)
    size = 0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            size += each.memory_full_info().pss
    return size
