"""What trade-capture's database holds of a run's executions."""

from collections.abc import Collection
from dataclasses import dataclass

from backoffice_cli.auditor.evidence.databases import Connection, Rows

_KEYS = "SELECT * FROM unnest($1::text[], $2::text[]) AS k (source_system, trade_reference)"

_TRADES = f"SELECT t.* FROM trade t JOIN ({_KEYS}) k USING (source_system, trade_reference)"  # noqa: S608

_VERSIONS = """
    SELECT trade_id, source_version, version, change, event_type, statement, state, repair_id, recorded_at, topic,
           partition, record_offset, event_id, submitted_by
    FROM trade_version WHERE trade_id = ANY($1::uuid[]) ORDER BY trade_id, source_version
"""

_RESENDS = f"""
    SELECT r.* FROM trade_resend r JOIN ({_KEYS}) k USING (source_system, trade_reference)
"""  # noqa: S608

_REPAIRS = f"""
    SELECT r.* FROM repair_entry r JOIN ({_KEYS}) k USING (source_system, trade_reference) ORDER BY repair_id
"""  # noqa: S608

_CONFIRMATIONS = f"""
    SELECT c.* FROM confirmation c JOIN ({_KEYS}) k USING (source_system, trade_reference)
"""  # noqa: S608

_OUTCOMES = """
    SELECT trade_id, outcome_id, trade_version, status, confirmation_reference, confirmation_version, accepted_by,
           recorded_at
    FROM confirmation_outcome WHERE trade_id = ANY($1::uuid[]) ORDER BY trade_id, outcome_id
"""

_ACCEPTANCES = "SELECT trade_id FROM confirmation_acceptance WHERE trade_id = ANY($1::uuid[])"

_BUSINESS_DAYS = "SELECT calendar, business_date, status, version FROM business_day_version"


@dataclass(frozen=True, slots=True)
class TradeCaptureRows:
    """Rows by table. accepted: trades of which somebody accepted a difference."""

    trades: Rows
    versions: Rows
    resends: Rows
    repairs: Rows
    confirmations: Rows
    outcomes: Rows
    accepted: frozenset[str]
    business_days: Rows


async def read_trade_capture(connection: Connection, keys: Collection[tuple[str, str]]) -> TradeCaptureRows:
    """Read everything about these executions: pairs of source system and trade reference."""
    named = [system for system, _ in keys], [reference for _, reference in keys]
    trades = await connection.fetch(_TRADES, *named)
    ids = [row["trade_id"] for row in trades]
    return TradeCaptureRows(
        trades=trades,
        versions=await connection.fetch(_VERSIONS, ids),
        resends=await connection.fetch(_RESENDS, *named),
        repairs=await connection.fetch(_REPAIRS, *named),
        confirmations=await connection.fetch(_CONFIRMATIONS, *named),
        outcomes=await connection.fetch(_OUTCOMES, ids),
        accepted=frozenset(row["trade_id"] for row in await connection.fetch(_ACCEPTANCES, ids)),
        business_days=await connection.fetch(_BUSINESS_DAYS),
    )
