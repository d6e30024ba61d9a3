"""The cap on dead letters: after a bad deploy a consumer must stop, not drain its topics into the dead letters."""

from collections import deque


class DeadLetterCapError(Exception):
    """Too large a share of the latest events became dead letters; its text says so, for a person."""


class DeadLetterCap:
    """Counts the latest events and stops the consumer when more than `share` of at least `window` were dead letters."""

    def __init__(self, *, window: int = 500, share: float = 0.5) -> None:
        self._window = window
        self._share = share
        self._batches: deque[tuple[int, int]] = deque()
        self._seen = self._condemned = 0

    def count(self, *, seen: int, condemned: int) -> None:
        """Take note of a batch: how many events it had, resent ones too, and how many of them became dead letters.

        Batches count as wholes, for which of its events came last would depend on how it was worked on.
        Raises DeadLetterCapError when there were too many dead letters.
        """
        if not seen:
            return
        self._batches.append((seen, condemned))
        self._seen += seen
        self._condemned += condemned
        self._forget()
        if condemned and self._seen >= self._window and self._condemned > self._share * self._seen:
            raise DeadLetterCapError(
                f"{self._condemned} of the last {self._seen} events became dead letters; "
                "find the cause, redrive them, then restart the consumer"
            )

    def _forget(self) -> None:
        """Forget the oldest batches, as long as the later ones fill the window."""
        while self._seen - self._batches[0][0] >= self._window:
            seen, condemned = self._batches.popleft()
            self._seen -= seen
            self._condemned -= condemned
