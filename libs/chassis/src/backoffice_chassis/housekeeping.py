"""Jobs that every service has: forgetting what has been kept for long enough."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text

from backoffice_chassis.service import PeriodicJob
from backoffice_chassis.settings import ServiceSettings
from backoffice_events.messaging import UnitOfWork
from backoffice_events.messaging.retention import forget_old_inbox

_FORGET_ANSWERS = text("DELETE FROM idempotency_key WHERE created_at < :before")


def housekeeping(settings: ServiceSettings) -> Sequence[PeriodicJob]:
    """Return the jobs for these settings."""
    answers = timedelta(hours=settings.idempotency_retention_hours)

    async def forget_answers(unit: UnitOfWork) -> None:
        await unit.connection.execute(_FORGET_ANSWERS, {"before": unit.now - answers})

    return (
        PeriodicJob("forget idempotency keys", timedelta(hours=1), forget_answers),
        PeriodicJob("forget inbox", timedelta(minutes=1), forget_old_inbox),
    )
