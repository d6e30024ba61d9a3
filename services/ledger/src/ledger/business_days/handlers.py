"""Follows the firm's days."""

from typing import Final

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.messaging import Batch, ConsumerSpec
from ledger.business_days import repository
from ledger.business_days.domain import latest


async def follow(batch: Batch) -> None:
    """Open and close days to postings."""
    await repository.take(batch.connection, latest(received.event for received in batch.events))


CONSUMER: Final = ConsumerSpec(
    group="ledger.business-days", contracts=(BusinessDayOpened, BusinessDayClosed), handle=follow
)
