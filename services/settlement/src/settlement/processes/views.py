"""Settlements as the API reads them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, false, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, Scope, fetch_page
from settlement.history.tables import SEALED, status_event
from settlement.instructions import views as instructions
from settlement.instructions.tables import instruction
from settlement.processes.scoping import in_scope
from settlement.processes.tables import settlement

_PREFIX = "i_"
_INSTRUCTION = (*instructions.COLUMNS, instructions.DAYS_FAILING)
_LIST = select(
    *[column for column in settlement.c if column.name not in {"terms", "accounts", "instruction_id"}],
    *[column.label(_PREFIX + column.name) for column in _INSTRUCTION],
).outerjoin_from(settlement, instruction, instruction.c.instruction_id == settlement.c.instruction_id)


_FILTERS: dict[str, ColumnElement[Any]] = {
    **{name: settlement.c[name] for name in ("state", "late", "settlement_date", "book", "isin")},
    **{name: settlement.c[name] for name in ("counterparty_lei", "source_system", "trade_reference")},
    **{name: instruction.c[name] for name in ("processing_status", "matching_status")},
    "settlement_status": instruction.c.settlement_status,
    "failing": func.coalesce(instruction.c.failing, false()),  # what is not instructed does not fail
}


async def page_of(
    connection: AsyncConnection, wanted: Mapping[str, Any], scope: Scope, page: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of the settlements in scope, by trade id, and the cursor of the next."""
    query = _LIST.where(in_scope(scope), *[_FILTERS[name] == value for name, value in wanted.items()])
    rows, cursor = await fetch_page(connection, query, (settlement.c.trade_id,), page)
    return [_fields(row._mapping) for row in rows], cursor


async def one(connection: AsyncConnection, trade_id: str, scope: Scope) -> dict[str, Any] | None:
    """Return one settlement, or None when there is none in scope."""
    query = _LIST.where(settlement.c.trade_id == trade_id, in_scope(scope))
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _fields(row._mapping)


async def instructions_of(connection: AsyncConnection, trade_id: str) -> list[dict[str, Any]]:
    """Return all instructions of a trade, oldest first."""
    query = select(*_INSTRUCTION).where(instruction.c.trade_id == trade_id).order_by(instruction.c.number)
    return [instructions.fields(dict(row._mapping)) for row in await connection.execute(query)]


async def history_of(connection: AsyncConnection, trade_id: str) -> list[dict[str, Any]]:
    """Return everything that happened to a trade's settlement, in order."""
    query = select(status_event).where(status_event.c.trade_id == trade_id)
    rows = await connection.execute(query.order_by(status_event.c.status_event_id))
    opened = await SEALED.open(connection, rows)
    return [{**row, "document": as_text(row["document"])} for row in opened]


def as_text(document: bytes | None) -> str | None:
    """Return an XML document as text; a sender's broken bytes are shown as such."""
    return None if document is None else document.decode("utf-8", errors="backslashreplace")


def _fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Turn a joined row into the fields of a view."""
    values = {str(name): value for name, value in row.items()}
    latest = {
        name.removeprefix(_PREFIX): values.pop(name) for name in list(values) if name.startswith(_PREFIX)
    }
    current = values["trade_version"]
    return {
        **values,
        "confirmed": values["confirmed"] and values["confirmed_trade_version"] == current,
        "decision": values["decision"] if values["decision_trade_version"] == current else None,
        "exceptions": sorted(values["raised"]),
        "instruction": instructions.fields(latest) if latest["instruction_id"] is not None else None,
    }
