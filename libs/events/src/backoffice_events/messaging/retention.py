"""Housekeeping: what the messaging tables need not remember for ever."""

from datetime import timedelta
from typing import Final

from backoffice_events.messaging import inbox
from backoffice_events.messaging.unit import UnitOfWork

INBOX_RETENTION: Final = timedelta(days=14)
"""Longer than any topic keeps its records, so that no record can come again after its inbox row has gone."""

CHUNK: Final = 10_000
MOST_CHUNKS: Final = 50
"""At one run a minute more than any load brings in, or the inbox would grow for ever."""


async def forget_old_inbox(unit: UnitOfWork) -> None:
    """Delete inbox rows past retention, a bounded number at a time; a periodic job calls it."""
    for _ in range(MOST_CHUNKS):
        if await inbox.forget(unit.connection, INBOX_RETENTION, CHUNK) < CHUNK:
            return
