"""Business figures: measured in the database by one process of a service, now and then, never because somebody asks."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from backoffice_chassis.service import PeriodicJob
from backoffice_events.messaging import UnitOfWork

MOST_ROWS: Final = 100_000
"""Rows that a figure is counted from at most, so that no backlog makes it cost more; the figure then stands there."""

_EVERY: Final = timedelta(seconds=30)
_BOUNDED: Final = text("SET LOCAL statement_timeout = '2s'")
_AGES: Final = ((0, "not due"), (1, "0"), (2, "1"), (5, "2-4"), (10, "5-9"))


def measuring(name: str, measure: Callable[[UnitOfWork], Awaitable[None]]) -> PeriodicJob:
    """Return the job that measures every 30 seconds. A statement that takes more than 2 seconds is given up, and so,
    for a time, is the figure.
    """

    async def run(unit: UnitOfWork) -> None:
        await unit.connection.execute(_BOUNDED)
        await measure(unit)

    return PeriodicJob(f"measure {name}", _EVERY, run)


def age_label(days: int | None) -> str:
    """Return how a number of days is shown: 0, 1, 2-4, 5-9 or 10+, and `not due` below 0. None counts as 0."""
    return next((label for below, label in _AGES if (days or 0) < below), "10+")
