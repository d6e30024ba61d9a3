"""The garbage collector, set for processes that live long and work in batches.

A batch keeps some hundred thousand objects alive for a moment, and at the default thresholds each one makes the
collector walk everything that the process has imported and cached, to free nothing: a fifth of a service's processor
time. Reference counts free nearly all; cycles, such as a traceback's, can wait.
"""

import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 20, 100)


def spare_collections() -> None:
    """Never look at what exists now again, and seldom at what comes. Call it when the process is put together."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
