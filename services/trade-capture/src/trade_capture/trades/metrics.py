"""What the STP rates are counted from: the trades, and what the repair queue holds of those never captured."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trade_capture.confirmation.repository import ever_mismatched
from trade_capture.repair.repository import never_captured
from trade_capture.trades.domain.stp import Row
from trade_capture.trades.tables import trade


async def measured_rows(connection: AsyncConnection, first: date, last: date) -> list[Row]:
    """Return what was received of these trade dates, counted by how it went; cancelled trades are left out."""
    return [
        *await captured_rows(connection, first, last),
        *await never_captured(connection, first, last),
    ]


async def captured_rows(connection: AsyncConnection, first: date, last: date) -> list[Row]:
    """Return the captured trades of these trade dates, counted by how they went."""
    touched = ever_mismatched(trade.c.trade_id)
    confirmed = trade.c.confirmation_status == "CONFIRMED"
    kinds = (trade.c.currency, trade.c.repaired, confirmed, touched)
    query = (
        select(*kinds, func.count(), func.sum(trade.c.gross_amount))
        .where(trade.c.trade_date.between(first, last), trade.c.status == "CAPTURED")
        .group_by(*kinds)
    )
    return [
        Row(
            currency=currency,
            repaired=repaired,
            captured=True,
            confirmed=is_confirmed,
            touched_in_confirmation=was_touched,
            count=count,
            value=value,
        )
        for currency, repaired, is_confirmed, was_touched, count, value in await connection.execute(query)
    ]
