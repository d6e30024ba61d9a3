"""Totals over all instructions, for others to check theirs against."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.exceptions.tables import settlement_exception
from settlement.instructions.tables import confirmation, instruction
from settlement.processes.tables import settlement

_MOST_DIFFERENCES = 100
_BUYS = instruction.c.side == "BUY"


async def counts(connection: AsyncConnection) -> dict[str, Any]:
    """Return the number of trades by state, of failing and late ones, and of open exceptions by kind."""
    by_state = await connection.execute(select(settlement.c.state, func.count()).group_by(settlement.c.state))
    late = select(func.count()).where(settlement.c.late)
    failing = select(func.count()).where(instruction.c.failing)
    instructed = select(func.count()).where(settlement.c.instruction_id.is_not(None))
    open_exceptions = (
        select(settlement_exception.c.kind, func.count())
        .where(settlement_exception.c.status == "OPEN")
        .group_by(settlement_exception.c.kind)
    )
    states: dict[str, int] = {row[0]: row[1] for row in by_state}
    return {
        "trades": sum(states.values()),
        "by_state": states,
        "instructed": (await connection.execute(instructed)).scalar_one(),
        "failing": (await connection.execute(failing)).scalar_one(),
        "late": (await connection.execute(late)).scalar_one(),
        "open_exceptions": {row[0]: row[1] for row in await connection.execute(open_exceptions)},
    }


async def confirmation_differences(connection: AsyncConnection) -> list[Mapping[str, Any]]:
    """Return the first hundred instructions that settled anything else than their confirmations add up to."""
    rows = await connection.execute(_unexplained().limit(_MOST_DIFFERENCES))
    return [dict(row._mapping) for row in rows]


def _unexplained() -> Select[Any]:
    confirmed = (
        select(
            confirmation.c.instruction_id,
            func.sum(confirmation.c.settled_quantity).label("quantity"),
            func.sum(confirmation.c.settled_amount).label("amount"),
        )
        .group_by(confirmation.c.instruction_id)
        .subquery()
    )
    instruction_id = func.coalesce(instruction.c.instruction_id, confirmed.c.instruction_id)
    settled_quantity = func.coalesce(instruction.c.settled_quantity, 0)
    settled_amount = func.coalesce(instruction.c.settled_amount, 0)
    quantity, amount = func.coalesce(confirmed.c.quantity, 0), func.coalesce(confirmed.c.amount, 0)
    return (
        select(
            instruction_id.label("instruction_id"),
            instruction.c.trade_id,
            settled_quantity.label("settled_quantity"),
            settled_amount.label("settled_amount"),
            quantity.label("confirmed_quantity"),
            amount.label("confirmed_amount"),
        )
        .select_from(instruction)
        .join(confirmed, confirmed.c.instruction_id == instruction.c.instruction_id, full=True)
        .where((settled_quantity != quantity) | (settled_amount != amount))
        .order_by(instruction_id)
    )


async def settled(connection: AsyncConnection, wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what settled, by book, ISIN and currency: received and delivered, paid and got."""
    keys = (instruction.c.book, instruction.c.isin, instruction.c.currency)

    def total(column: Any, *, buys: bool) -> Any:
        return func.sum(case((_BUYS if buys else ~_BUYS, column), else_=literal(0)))

    query = select(
        *keys,
        total(instruction.c.settled_quantity, buys=True).label("received_quantity"),
        total(instruction.c.settled_quantity, buys=False).label("delivered_quantity"),
        total(instruction.c.settled_amount, buys=True).label("paid_amount"),
        total(instruction.c.settled_amount, buys=False).label("received_amount"),
        func.count().label("instructions"),
    ).where(
        instruction.c.settled_quantity > 0, *[instruction.c[name] == value for name, value in wanted.items()]
    )
    rows = await connection.execute(query.group_by(*keys).order_by(*keys))
    return [dict(row._mapping) for row in rows]


async def efficiency(
    connection: AsyncConnection, first: date, last: date, calendar: str | None
) -> list[Mapping[str, Any]]:
    """Return, for each intended settlement date and currency, what was to settle and what settled on it.

    An instruction that the CSD cancelled or rejected was not to settle after all, but for what settled before.
    """
    on_time = (
        select(
            confirmation.c.instruction_id,
            func.sum(confirmation.c.settled_quantity).label("quantity"),
            func.sum(confirmation.c.settled_amount).label("amount"),
        )
        .join(instruction, instruction.c.instruction_id == confirmation.c.instruction_id)
        .where(
            instruction.c.settlement_date.between(first, last),
            confirmation.c.effective_date <= instruction.c.settlement_date,
        )
        .group_by(confirmation.c.instruction_id)
        .subquery()
    )
    live = instruction.c.live
    due = case((live, instruction.c.amount), else_=instruction.c.settled_amount)
    # By the quantity: a part may be too small to be paid for.
    whole = case((live, instruction.c.quantity), else_=instruction.c.settled_quantity)
    query = (
        select(
            instruction.c.settlement_date,
            instruction.c.settlement_calendar,
            instruction.c.currency,
            func.count().label("instructions"),
            func.count().filter(on_time.c.quantity == whole).label("settled_on_date"),
            func.sum(due).label("value"),
            func.sum(func.coalesce(on_time.c.amount, 0)).label("value_settled_on_date"),
        )
        .outerjoin_from(instruction, on_time, on_time.c.instruction_id == instruction.c.instruction_id)
        .where(
            instruction.c.settlement_date.between(first, last),
            live | (instruction.c.settled_quantity > 0),
        )
    )
    if calendar is not None:
        query = query.where(instruction.c.settlement_calendar == calendar)
    keys = (instruction.c.settlement_date, instruction.c.settlement_calendar, instruction.c.currency)
    rows = await connection.execute(query.group_by(*keys).order_by(*keys))
    return [dict(row._mapping) for row in rows]
