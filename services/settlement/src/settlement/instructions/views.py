"""Instructions as the API reads them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, false

from settlement.business_days.repository import days_ended_since
from settlement.instructions.tables import instruction

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column for column in instruction.c if column.name not in {"trade_id", "version", "live"}
)
DAYS_FAILING = case(
    (instruction.c.failing == false(), 0),
    else_=days_ended_since(instruction.c.settlement_calendar, instruction.c.settlement_date),
).label("days_failing")


def fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an instruction's view from a row of COLUMNS and DAYS_FAILING."""
    statuses = {
        name: {"status": row[f"{name}_status"], "reason": row[f"{name}_reason"]}
        for name in ("processing", "matching", "settlement", "cancellation")
    }
    return {
        **row,
        **statuses,
        "remaining_quantity": row["quantity"] - row["settled_quantity"],
        "remaining_amount": row["amount"] - row["settled_amount"],
    }
