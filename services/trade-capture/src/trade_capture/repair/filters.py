"""Which entries of the repair queue somebody wants to see."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, select

from backoffice_chassis.http.vocabulary import ShortText as Text
from trade_capture.repair.domain import RepairStatus
from trade_capture.repair.tables import repair_entry
from trade_capture.trades.domain import ReasonCode

UNFINISHED = (RepairStatus.OPEN.value, RepairStatus.WAITING.value)


class RepairFilters(BaseModel):
    """Which entries; filters narrow one another. unfinished: OPEN and WAITING ones."""

    model_config = ConfigDict(extra="ignore")

    status: RepairStatus | None = None
    reason_code: ReasonCode | None = None
    source_system: Text | None = None
    trade_reference: Text | None = None
    topic: Text | None = None
    submitted_by: Text | None = None
    unfinished: bool = False
    older_than_hours: Annotated[int | None, Field(ge=0, le=87_600)] = None


def filtered(filters: RepairFilters, now: datetime) -> Select[Any]:
    """Return the query of the entries that pass every filter."""
    equal = filters.model_dump(
        exclude_none=True, include={"status", "source_system", "trade_reference", "topic", "submitted_by"}
    )
    query = select(repair_entry).where(*(repair_entry.c[name] == value for name, value in equal.items()))
    if filters.reason_code is not None:
        query = query.where(repair_entry.c.reasons.contains([{"code": filters.reason_code.value}]))
    if filters.unfinished:
        query = query.where(repair_entry.c.status.in_(UNFINISHED))
    if filters.older_than_hours is not None:
        query = query.where(repair_entry.c.received_at <= now - timedelta(hours=filters.older_than_hours))
    return query
