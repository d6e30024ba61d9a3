"""What settlement's database holds of a run's trades."""

from collections.abc import Collection
from dataclasses import dataclass

from backoffice_cli.auditor.evidence.databases import Connection, Rows

_SETTLEMENTS = """
    SELECT trade_id, state, trade_version, cancelled, quantity, amount, settlement_date, settlement_calendar,
           confirmed_trade_version, confirmation_version, confirmed, decision_trade_version, decision_version, decision,
           instruction_id, sequence, inexpressible, updated_at
    FROM settlement WHERE trade_id = ANY($1::uuid[])
"""

_INSTRUCTIONS = """
    SELECT instruction_id, trade_id, number, trade_version, side, isin, currency, book, settlement_calendar,
           settlement_date, quantity, amount, settled_quantity, settled_amount, processing_status, cancellation_status,
           failing, failed_on, live, instructed_at
    FROM instruction WHERE trade_id = ANY($1::uuid[]) ORDER BY trade_id, number
"""

_CONFIRMATIONS = """
    SELECT c.* FROM confirmation c JOIN instruction i USING (instruction_id) WHERE i.trade_id = ANY($1::uuid[])
"""

_HISTORY = """
    SELECT status_event_id, trade_id, instruction_id, kind, recorded_at, event_id, details,
           xmin::text::bigint AS transaction
    FROM status_event WHERE trade_id = ANY($1::uuid[]) ORDER BY status_event_id
"""

_BUSINESS_DAYS = """
    SELECT calendar, business_date, status, xmin::text::bigint AS transaction FROM business_day
"""


@dataclass(frozen=True, slots=True)
class SettlementRows:
    """Rows by table; the history in the order in which it was written.

    transaction: the number of that which wrote the row last: clocks may jump, these only rise.
    """

    settlements: Rows
    instructions: Rows
    confirmations: Rows
    history: Rows
    business_days: Rows


async def read_settlement(connection: Connection, trade_ids: Collection[str]) -> SettlementRows:
    """Read everything about these trades."""
    ids = list(trade_ids)
    return SettlementRows(
        settlements=await connection.fetch(_SETTLEMENTS, ids),
        instructions=await connection.fetch(_INSTRUCTIONS, ids),
        confirmations=await connection.fetch(_CONFIRMATIONS, ids),
        history=await connection.fetch(_HISTORY, ids),
        business_days=await connection.fetch(_BUSINESS_DAYS),
    )
