"""The time of day, injected so that tests can choose it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. A business date never comes from here: it is an event that an operator publishes."""

    def now(self) -> datetime:
        """Return the present moment, timezone-aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)
