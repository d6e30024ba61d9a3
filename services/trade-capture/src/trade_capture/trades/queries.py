"""Questions about trades: lists by filter, and one trade's whole story."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Scope
from backoffice_chassis.http.vocabulary import Code, Day
from backoffice_chassis.http.vocabulary import ShortText as Text
from trade_capture.reference.domain import DateOutsideCalendarError, ReferenceData
from trade_capture.reference.scope import in_scope
from trade_capture.trades.schemas import TradeOut
from trade_capture.trades.tables import trade, trade_version

MOST_DAYS = 250

_LAST_RECORD = (
    select(trade_version.c.partition, trade_version.c.record_offset, trade_version.c.recorded_at)
    .where(trade_version.c.trade_id == trade.c.trade_id, trade_version.c.topic.is_not(None))
    .order_by(trade_version.c.source_version.desc())
    .limit(1)
    .lateral("last_record")
)


class TradeFilters(BaseModel):
    """Which trades; filters narrow one another. unconfirmed_for_days: settlement days since the trade date."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["CAPTURED", "CANCELLED"] | None = None
    confirmation_status: Literal["UNCONFIRMED", "CONFIRMED", "MISMATCHED"] | None = None
    book: Text | None = None
    trader: Text | None = None
    isin: Code | None = None
    counterparty_lei: Code | None = None
    trade_date_from: Day | None = None
    trade_date_to: Day | None = None
    settlement_date: Day | None = None
    source_system: Text | None = None
    trade_reference: Text | None = None
    unconfirmed_for_days: Annotated[
        int | None,
        Field(
            ge=0, le=MOST_DAYS, description="Not confirmed (mismatched included) for so many settlement days"
        ),
    ] = None


def filtered(filters: TradeFilters, reference: ReferenceData, scope: Scope) -> Select[Any]:
    """Return the query of the trades in scope that pass every filter."""
    equal = filters.model_dump(
        exclude_none=True, exclude={"trade_date_from", "trade_date_to", "unconfirmed_for_days"}
    )
    query = select(trade).where(in_scope(scope, trade.c.book))
    query = query.where(*(trade.c[name] == value for name, value in equal.items()))
    if filters.trade_date_from is not None:
        query = query.where(trade.c.trade_date >= filters.trade_date_from)
    if filters.trade_date_to is not None:
        query = query.where(trade.c.trade_date <= filters.trade_date_to)
    if filters.unconfirmed_for_days is not None:
        query = query.where(_unconfirmed_for(filters.unconfirmed_for_days, reference))
    return query


def _unconfirmed_for(days: int, reference: ReferenceData) -> ColumnElement[bool]:
    """Return the condition that a live trade was done so many settlement days before its calendar's business day."""
    aged = [
        and_(trade.c.settlement_calendar == code, trade.c.trade_date <= done_by)
        for code in reference.business_days
        if (done_by := _days_before(reference, code, days)) is not None
    ]
    return and_(trade.c.status == "CAPTURED", trade.c.confirmation_status != "CONFIRMED", or_(False, *aged))


def _days_before(reference: ReferenceData, code: str, days: int) -> date | None:
    calendar = reference.calendars.get(code)
    try:
        return calendar.before(reference.business_days[code].business_date, days) if calendar else None
    except DateOutsideCalendarError:
        return None


async def find_trade(connection: AsyncConnection, trade_id: str, scope: Scope) -> Row[Any] | None:
    """Return a trade's row, or None when there is none in scope."""
    query = select(trade).where(trade.c.trade_id == trade_id, in_scope(scope, trade.c.book))
    return (await connection.execute(query)).one_or_none()


def trade_out(row: Row[Any]) -> TradeOut:
    """Return a trade's row as it is shown."""
    return TradeOut.model_validate(row)


def control_extract(columns: Sequence[str]) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """Return the query of these columns of every trade and of the last record that it was taken from, and its order."""
    known = {column.name: column for column in (*trade.c, *_LAST_RECORD.c)}
    query = select(*(known[name] for name in columns)).join_from(trade, _LAST_RECORD, true(), isouter=True)
    return query, [trade.c.trade_id]
