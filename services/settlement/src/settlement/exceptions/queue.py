"""Reads and works the queue of exceptions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, Scope, fetch_page
from settlement.business_days.repository import days_ended_since
from settlement.exceptions.tables import exception_event, settlement_exception
from settlement.processes.scoping import trade_in_scope

_table = settlement_exception
_AGE = case(
    (_table.c.settlement_date.is_(None), None),
    else_=days_ended_since(_table.c.settlement_calendar, _table.c.settlement_date),
).label("age")
_LIST = select(_table, _AGE)


async def page_of(
    connection: AsyncConnection, wanted: Mapping[str, Any], scope: Scope, page: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of the exceptions in scope, oldest first, and the cursor of the next."""
    query = _LIST.where(
        trade_in_scope(_table.c.trade_id, scope), *[_table.c[name] == value for name, value in wanted.items()]
    )
    rows, cursor = await fetch_page(connection, query, (_table.c.exception_id,), page)
    return [dict(row._mapping) for row in rows], cursor


async def one(
    connection: AsyncConnection, exception_id: str, scope: Scope, *, lock: bool = False
) -> dict[str, Any] | None:
    """Return an exception, locked against other changes on request; None when there is none such in scope."""
    query = _LIST.where(_table.c.exception_id == exception_id, trade_in_scope(_table.c.trade_id, scope))
    if lock:
        query = query.with_for_update(of=_table)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else dict(row._mapping)


async def history_of(connection: AsyncConnection, exception_id: str) -> list[dict[str, Any]]:
    """Return all that was done about an exception, in order."""
    query = select(exception_event).where(exception_event.c.exception_id == exception_id)
    rows = await connection.execute(query.order_by(exception_event.c.exception_event_id))
    return [dict(row._mapping) for row in rows]


async def assign(
    connection: AsyncConnection,
    exception_id: str,
    *,
    actor: str,
    owner: str,
    comment: str | None,
    now: datetime,
) -> None:
    """Give an exception an owner."""
    await _change(connection, exception_id, {"owner": owner})
    await _log(connection, exception_id, "ASSIGNED", now, actor=actor, owner=owner, comment=comment)


async def resolve(
    connection: AsyncConnection, exception_id: str, *, actor: str, comment: str, now: datetime
) -> None:
    """Note that an exception was dealt with; the same condition does not open it again while it lasts."""
    await _change(connection, exception_id, {"status": "RESOLVED", "closed_at": now})
    await _log(connection, exception_id, "RESOLVED", now, actor=actor, comment=comment)


async def _change(connection: AsyncConnection, exception_id: str, values: dict[str, Any]) -> None:
    version = {"version": _table.c.version + 1}
    await connection.execute(
        update(_table).where(_table.c.exception_id == exception_id).values(**values, **version)
    )


async def _log(
    connection: AsyncConnection, exception_id: str, action: str, now: datetime, **said: str | None
) -> None:
    """Add to what was done; said: actor, owner and comment, as far as there are any."""
    row = {"exception_id": exception_id, "action": action, "occurred_at": now, **said}
    await connection.execute(insert(exception_event).values(row))
