"""The cap on dead letters: after a bad deploy a consumer must stop, not drain its topics into the dead letters."""

from collections import deque


class DeadLetterCapError(Exception):
    """Too large a share of the latest events became dead letters; its text says so, for a person."""


class DeadLetterCap:
    """Counts the latest events and stops the consumer when more than `share` of at least `window` were dead letters."""

    def __init__(self, *, window: int = 500, share: float = 0.5) -> None:
        self._share = share
        self._latest: deque[bool] = deque(maxlen=window)

    def count(self, *, taken: int, condemned: int) -> None:
        """Take note of a batch's outcome; raises DeadLetterCapError when that was too much."""
        self._latest.extend([False] * taken)
        self._latest.extend([True] * condemned)
        dead, full = sum(self._latest), len(self._latest) == self._latest.maxlen
        if condemned and full and dead > self._share * len(self._latest):
            raise DeadLetterCapError(
                f"{dead} of the last {len(self._latest)} events became dead letters; "
                "find the cause, redrive them, then restart the consumer"
            )
