"""How the rest of the platform hears of a decision."""

from typing import Any

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from compliance.checks.assessment import Decision
from compliance.checks.domain import Status


def announcement(decided: Decision) -> Event:
    """Return the event that tells of a decision."""
    stamp: dict[str, Any] = {
        "trade_id": decided.trade_id,
        "trade_version": decided.trade_version,
        "decision_id": decided.decision_id,
        "decision_version": decided.decision_version,
    }
    if decided.status is Status.CLEARED:
        return TradeCleared(**stamp, released_by=decided.decided_by)
    if decided.status is Status.HELD and decided.case_id is not None:
        return TradeHeld(**stamp, case_id=decided.case_id, reasons=decided.reasons)
    return TradeBlocked(**stamp, reasons=decided.reasons)
