"""Follows the firm's days."""

from typing import Final

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.messaging import Batch, ConsumerSpec, Projection
from ledger.business_days import repository
from ledger.business_days.domain import latest


async def follow(batch: Batch) -> None:
    """Open and close days to postings."""
    days = []
    for received in batch.events:
        if received.event.is_in_calendars:
            days.append(received.event)
        else:
            batch.refuse(
                received, f"business_date {received.event.business_date} lies outside of all calendars"
            )
    await repository.take(batch.connection, latest(days))


_DAYS: Final = Projection(
    name="posting calendar",
    key=("calendar",),
    rows="SELECT calendar, version, business_date, status FROM {schema}.posting_calendar WHERE version > 0",
)
CONSUMER: Final = ConsumerSpec(
    group="ledger.business-days",
    contracts=(BusinessDayOpened, BusinessDayClosed),
    handle=follow,
    projections=(_DAYS,),
)
