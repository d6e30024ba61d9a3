"""Which entries of the repair queue somebody wants to see."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, and_, func, select, true

from backoffice_chassis import Scope
from backoffice_chassis.http.vocabulary import ShortText as Text
from trade_capture.reference.scope import in_scope
from trade_capture.repair.domain import RepairStatus
from trade_capture.repair.tables import repair_entry
from trade_capture.trades.domain import ReasonCode
from trade_capture.trades.repository import same_key, trade_join

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


def entry_in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that an entry is in scope: by the book that it states, and the one that its trade stands in.

    An entry that states none, of a trade that was not captured, is in nobody's scope but the whole firm's.
    """
    if scope.whole_firm:
        return true()
    captured = trade_join()
    standing = select(captured.c.book).where(same_key(captured, repair_entry)).scalar_subquery()
    stated = func.stated_book(repair_entry.c.current)
    return and_(
        in_scope(scope, func.coalesce(stated, standing)), in_scope(scope, func.coalesce(standing, stated))
    )


def filtered(filters: RepairFilters, now: datetime, scope: Scope) -> Select[Any]:
    """Return the query of the entries in scope that pass every filter."""
    equal = filters.model_dump(
        exclude_none=True, include={"status", "source_system", "trade_reference", "topic", "submitted_by"}
    )
    query = select(repair_entry).where(entry_in_scope(scope))
    query = query.where(*(repair_entry.c[name] == value for name, value in equal.items()))
    if filters.reason_code is not None:
        query = query.where(repair_entry.c.reasons.contains([{"code": filters.reason_code.value}]))
    if filters.unfinished:
        query = query.where(repair_entry.c.status.in_(UNFINISHED))
    if filters.older_than_hours is not None:
        query = query.where(repair_entry.c.received_at <= now - timedelta(hours=filters.older_than_hours))
    return query
