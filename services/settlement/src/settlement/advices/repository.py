"""Early advices kept, found once their day has come, and taken out again."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.cloudevents import decode
from backoffice_events.messaging import Received, bulk
from backoffice_events.messaging.parking import record_columns, record_of
from settlement.advices.domain import MOST_DAYS_AHEAD
from settlement.advices.tables import early_advice

# One whose day turns out to be too far away is due as well: to be refused.
_DUE = text(
    f"""
    SELECT instruction_id
    FROM (
        SELECT DISTINCT ON (instruction_id) instruction_id, effective_date FROM early_advice
        ORDER BY instruction_id, seq
    ) first
    JOIN instruction USING (instruction_id)
    CROSS JOIN LATERAL (
        SELECT max(business_date) AS latest FROM business_day WHERE calendar = settlement_calendar
    ) day
    WHERE effective_date IS NULL OR effective_date <= latest OR effective_date > latest + {MOST_DAYS_AHEAD}
    ORDER BY instruction_id
    LIMIT :most
    """  # noqa: S608 - constants
)
_TAKE_OUT = text(
    "WITH taken AS (DELETE FROM early_advice WHERE instruction_id = ANY(CAST(:ids AS text[])) RETURNING *)"
    " SELECT * FROM taken ORDER BY seq"
)


class Early(NamedTuple):
    """An advice that waits. effective_date: the business day that it waits for, None behind another that waits."""

    received: Received[Any]
    effective_date: date | None = None


async def keep(connection: AsyncConnection, early: Sequence[Early], now: datetime) -> None:
    """Let advices wait, in order."""
    rows = [
        {
            "instruction_id": one.received.key,
            "effective_date": one.effective_date,
            **record_columns(one.received.record),
            "kept_at": now,
        }
        for one in early
    ]
    await bulk.insert(connection, early_advice, rows)


async def due(connection: AsyncConnection, most: int) -> list[str]:
    """Return instructions whose first waiting advice need not wait any longer."""
    return list((await connection.execute(_DUE, {"most": most})).scalars())


async def take_out(connection: AsyncConnection, instruction_ids: Sequence[str]) -> list[Received[Any]]:
    """Return what waits for these instructions, in order, and keep it no longer."""
    rows = await connection.execute(_TAKE_OUT, {"ids": list(instruction_ids)})
    return [decode(record_of(row)) for row in rows]
