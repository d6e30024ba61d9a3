"""Jobs that every service has: forgetting what has been kept for long enough."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from backoffice_chassis.http import idempotency
from backoffice_chassis.service import PeriodicJob
from backoffice_chassis.settings import ServiceSettings
from backoffice_events.messaging import UnitOfWork
from backoffice_events.messaging.retention import forget_old_inbox

CHUNK: Final = 1_000
"""So few that a statement's time is enough to delete them, though an answer may be long."""

MOST_CHUNKS: Final = 100
"""At one run a minute more answers than a service gives."""


def housekeeping(settings: ServiceSettings) -> Sequence[PeriodicJob]:
    """Return the jobs for these settings."""
    age = timedelta(hours=settings.idempotency_retention_hours)

    async def forget_answers(unit: UnitOfWork) -> None:
        for _ in range(MOST_CHUNKS):
            if await idempotency.forget(unit.connection, age, CHUNK) < CHUNK:
                return

    return (
        PeriodicJob("forget idempotency keys", timedelta(minutes=1), forget_answers),
        PeriodicJob("forget inbox", timedelta(minutes=1), forget_old_inbox),
    )
