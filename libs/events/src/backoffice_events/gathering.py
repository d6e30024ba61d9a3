"""How a consumer lets events gather at the broker while they come, and waits for the first one while none does."""

import math
import time
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher

_ENOUGH_BYTES: Final = 262_144
"""With so much to fetch the broker waits for nothing more."""

_QUIET_SECONDS: Final = 1.0
_QUIET_WAIT_MS: Final = 1_000
"""How long the broker keeps a fetch that finds nothing; a new assignment may have to wait for the old one's."""


def gathering(seconds: float) -> dict[str, int]:
    """Return the consumer's options with which a fetch brings what came in so many seconds, or enough bytes.

    0: it brings whatever is there, as soon as anything is.
    """
    if seconds == 0:
        return {"fetch_min_bytes": 1, "fetch_max_wait_ms": _QUIET_WAIT_MS}
    return {"fetch_min_bytes": _ENOUGH_BYTES, "fetch_max_wait_ms": round(seconds * 1000)}


class GatheringFetcher(Fetcher):  # type: ignore[misc]  # aiokafka is untyped
    """Spares a quiet topic's broker and consumer the fetches that find nothing.

    While nothing comes, the broker answers with the first record at once; from then on records gather again. A consumer
    that was not told to let records gather asks as it always does.
    """

    _fetch_min_bytes: int
    _fetch_max_wait_ms: int

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._while_busy = (self._fetch_min_bytes, self._fetch_max_wait_ms)
        self._while_quiet = (1, _QUIET_WAIT_MS) if self._fetch_min_bytes > 1 else self._while_busy
        self._found_at = -math.inf
        self._ask_for(self._while_quiet)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        found: bool = await super()._proc_fetch_request(assignment, node_id, request)
        if found:
            self._found_at = time.monotonic()
        quiet = time.monotonic() - self._found_at > _QUIET_SECONDS
        self._ask_for(self._while_quiet if quiet else self._while_busy)
        return found

    def _ask_for(self, least_and_longest: tuple[int, int]) -> None:
        """Let the next fetches wait for so many bytes, but no longer than so many milliseconds."""
        self._fetch_min_bytes, self._fetch_max_wait_ms = least_and_longest
