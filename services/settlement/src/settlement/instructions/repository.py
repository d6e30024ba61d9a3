"""Instructions and the settlements confirmed of them, read and written set-based."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import bulk
from settlement.advices.domain import Confirmation
from settlement.instructions.domain import ZERO, Instruction, Part
from settlement.instructions.tables import confirmation, instruction

_TERMS = (
    "instruction_id",
    "trade_id",
    "number",
    "trade_version",
    "side",
    "isin",
    "instrument_type",
    "currency",
    "book",
    "entity_lei",
    "counterparty_lei",
    "settlement_calendar",
    "settlement_date",
    "quantity",
    "amount",
)
_PARTS: Mapping[str, tuple[str, ...]] = {
    "settled": ("settled_quantity", "settled_amount", "settled_on", "failing"),
    "processing": ("processing_status", "processing_reason", "processing_at"),
    "matching": ("matching_status", "matching_reason", "matching_at"),
    "settlement": ("settlement_status", "settlement_reason", "settlement_at"),
    "cancellation": ("cancellation_status", "cancellation_reason"),
    "failing": ("failing", "failed_on"),
}
_PROGRESS = (
    "settled_quantity",
    "settled_amount",
    *_PARTS["processing"],
    *_PARTS["matching"],
    *_PARTS["settlement"],
    *_PARTS["cancellation"],
    "failing",
    "failed_on",
    "settled_on",
)
_COLUMNS = ", ".join((*_TERMS, *_PROGRESS, "version")).replace("trade_id", "trade_id::text", 1)
# The day and what waits come with the instructions: no further statement on the event path, and each worked out once.
_OF_TRADES = text(
    f"SELECT {_COLUMNS}, day.latest,"  # noqa: S608 - constants
    " instruction.instruction_id IN (SELECT early_advice.instruction_id FROM early_advice)"
    " FROM instruction"
    " LEFT JOIN (SELECT calendar, max(business_date) AS latest FROM business_day GROUP BY calendar) AS day"
    " ON day.calendar = instruction.settlement_calendar"
    " WHERE trade_id = ANY(CAST(:ids AS uuid[])) ORDER BY trade_id, number"
)
_CONFIRMED = text(
    "SELECT instruction_id, csd_reference, settled_quantity, settled_amount, effective_date FROM confirmation"
    " WHERE instruction_id = ANY(CAST(:ids AS text[]))"
)


async def of_trades(connection: AsyncConnection, trade_ids: Sequence[str]) -> dict[str, list[Instruction]]:
    """Return all instructions of these trades, oldest first, with what settled of them."""
    if not trade_ids:
        return {}
    found: dict[str, list[Instruction]] = defaultdict(list)
    for row in await connection.execute(_OF_TRADES, {"ids": trade_ids}):
        one = Instruction(*row)
        found[one.trade_id].append(one)
    await _fill_parts(connection, [one for many in found.values() for one in many])
    return found


async def _fill_parts(connection: AsyncConnection, instructions: Sequence[Instruction]) -> None:
    """Only what settled something before can hear the same confirmation twice."""
    settled = {one.instruction_id: one for one in instructions if one.settled_quantity > ZERO}
    if settled:
        for instruction_id, reference, *part in await connection.execute(_CONFIRMED, {"ids": list(settled)}):
            settled[instruction_id].parts[reference] = Part(*part)


async def update(connection: AsyncConnection, changes: Iterable[tuple[Instruction, set[str]]]) -> None:
    """Write back the parts of instructions that changed; like changes together, in one statement each."""
    groups: dict[frozenset[str], list[Instruction]] = defaultdict(list)
    for one, parts in changes:
        groups[frozenset(name for part in parts for name in _PARTS[part])].append(one)
    for names, group in groups.items():
        columns = ("instruction_id", "live", *sorted(names))
        rows = [
            {name: getattr(one, name) for name in columns} | {"version": one.version + 1} for one in group
        ]
        await bulk.update(connection, instruction, rows, key=["instruction_id"])


async def create(connection: AsyncConnection, instructions: Iterable[Instruction], now: datetime) -> None:
    """Store instructions just sent, as they left; what happened to them since is for `update`."""
    rows = [{name: getattr(one, name) for name in _TERMS} | {"instructed_at": now} for one in instructions]
    await bulk.append(connection, instruction, rows)


async def record_confirmations(
    connection: AsyncConnection, confirmations: Sequence[Confirmation], now: datetime
) -> None:
    """Store each settlement that the CSD confirmed."""
    rows = [
        {
            "instruction_id": one.instruction_id,
            "csd_reference": one.csd_reference,
            "settled_quantity": one.settled_quantity,
            "settled_amount": one.settled_amount,
            "effective_date": one.effective_date,
            "confirmed_at": now,
        }
        for one in confirmations
    ]
    await bulk.append(connection, confirmation, rows)
