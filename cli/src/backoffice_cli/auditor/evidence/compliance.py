"""What compliance's database holds of a run's trades."""

from collections.abc import Collection
from dataclasses import dataclass

from backoffice_cli.auditor.evidence.databases import Connection, Rows

_TRADES = """
    SELECT trade_id, version, cancelled, status, decision_id, decision_version FROM trade
    WHERE trade_id = ANY($1::uuid[])
"""

_DECISIONS = """
    SELECT decision_id, trade_id, trade_version, decision_version, status, reasons, decided_at, decided_by
    FROM decision WHERE trade_id = ANY($1::uuid[]) ORDER BY trade_id, decision_version
"""

_WAITING = "SELECT trade_id, missing, deadline FROM waiting WHERE trade_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class ComplianceRows:
    """Rows by table; decisions of each trade in the order of their versions."""

    trades: Rows
    decisions: Rows
    waiting: Rows


async def read_compliance(connection: Connection, trade_ids: Collection[str]) -> ComplianceRows:
    """Read everything about these trades."""
    ids = list(trade_ids)
    return ComplianceRows(
        trades=await connection.fetch(_TRADES, ids),
        decisions=await connection.fetch(_DECISIONS, ids),
        waiting=await connection.fetch(_WAITING, ids),
    )
