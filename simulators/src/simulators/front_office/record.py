"""The front office's own record: one JSON line for everything that the broker acknowledged."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from simulators.front_office.scenario import Act

_KINDS = {TradeExecuted: "new", TradeCorrected: "correct", TradeBusted: "cancel"}
_TERMS = (
    *("side", "isin", "mic", "quantity", "price", "currency", "trade_date", "book", "trader"),
    "counterparty_lei",
)


class OwnRecord:
    """Appends to a file. A line is written after the broker took the record, never before."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def write(self, acts: Iterable[Act]) -> None:
        """Write what was just published."""
        now = datetime.now(UTC).isoformat()
        self._file.writelines(json.dumps(line(act, now)) + "\n" for act in acts)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def line(act: Act, published_at: str) -> dict[str, Any]:
    """Return the line for an act: what was meant, even where what was sent is broken.

    kind: new, correct or cancel. mishap, broken: which switch was thrown, null for a plain report.
    """
    report = act.report
    stated = to_builtins(report)
    return {
        "source_system": report.source_system,
        "trade_reference": report.trade_reference,
        "version": report.version,
        "kind": _KINDS[type(report)],
        "mishap": act.mishap,
        "broken": act.broken,
        "event_id": act.event_id,
        "published_at": published_at,
        **{name: stated[name] for name in _TERMS if name in stated},
    }
