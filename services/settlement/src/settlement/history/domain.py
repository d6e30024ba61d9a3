"""What the history says of one thing that happened."""

from datetime import datetime
from typing import Any

import msgspec


class Entry(msgspec.Struct):
    """One line of a settlement's history. occurred_at None: when it is recorded."""

    trade_id: str
    kind: str
    instruction_id: str | None
    details: dict[str, Any]
    document: bytes | None
    occurred_at: datetime | None
    event_id: str | None
