"""When the ledger's journals became visible to others: the time of their commit, as the database itself kept it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg

from backoffice_cli.bench.trades import SOURCE_SYSTEM
from backoffice_cli.platform import Stack
from backoffice_cli.stack.ports import LOOPBACK

_REFERENCES: Final = (
    "SELECT trade_id, trade_reference FROM trade"
    " WHERE source_system = $1 AND trade_reference = ANY($2::text[])"
)
_COMMITTED: Final = (
    "SELECT trade_id, min(pg_xact_commit_timestamp(xmin)) FROM journal"
    " WHERE kind = $1 AND trade_id = ANY($2::uuid[]) GROUP BY trade_id"
)


async def committed(
    platform: Stack, references: list[str], kinds: tuple[str, ...]
) -> list[Mapping[str, datetime]]:
    """Return when each trade's first journal of each kind was committed, by trade reference."""
    url = f"postgresql://postgres:{platform.plan.admin_password}@{LOOPBACK}:{platform.plan.ports['postgres']}"
    capture = await asyncpg.connect(f"{url}/trade_capture")
    ledger = await asyncpg.connect(f"{url}/ledger")
    try:
        rows = await capture.fetch(_REFERENCES, SOURCE_SYSTEM, references)
        trades = {row[0]: row[1] for row in rows}
        found = [await ledger.fetch(_COMMITTED, kind, list(trades)) for kind in kinds]
    finally:
        await capture.close()
        await ledger.close()
    return [{trades[row[0]]: row[1] for row in rows} for rows in found]
