"""What became of every trade: each in exactly one outcome, so that the numbers add up to what was sent."""

import json
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from backoffice_cli.reconciliation.compare import dead_places
from backoffice_cli.reconciliation.records import (
    Captured,
    Decision,
    Place,
    Published,
    Repair,
    Settlement,
    Snapshot,
    TradeKey,
)


class Outcome(Enum):
    """Where a trade stands, in the order in which they are shown. The value is the name and what it means."""

    SETTLED = ("settled", "delivered against payment and booked")
    PARTIALLY_SETTLED = ("partially settled", "a part is delivered, the rest waits")
    FAILING = ("failing", "due and not settled: somebody is short of securities or cash")
    IN_FLIGHT = ("at the CSD", "instructed, not yet due or not yet matched")
    REJECTED_BY_CSD = (
        "rejected by the CSD",
        "instructed and turned down: operations work it as an exception",
    )
    HELD = ("held", "compliance opened a case: two people release it or block it")
    BLOCKED = ("blocked", "compliance stopped it for good")
    MISMATCHED = ("mismatched", "the counterparty sees it differently")
    UNCONFIRMED = ("unconfirmed", "the counterparty has not answered")
    NOT_INSTRUCTED = (
        "not instructed",
        "confirmed and cleared, and cannot be instructed: an exception says why",
    )
    CANCELLED = ("cancelled", "the desk called it off; the books took it back")
    CANCELLED_AFTER_SETTLEMENT = (
        "cancelled after settlement",
        "settled first, in full or in part: operations must bring it back",
    )
    IN_REPAIR = ("in repair", "could not be taken in: the repair queue holds it with every reason")
    REJECTED = ("rejected", "turned down by somebody in the repair queue")
    UNREADABLE = ("unreadable", "names no trade: kept byte for byte as a dead letter")
    UNACCOUNTED = ("unaccounted", "nowhere to be found: the reconciliation names it")

    @property
    def title(self) -> str:
        """Return the outcome's name."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """Return what the outcome means."""
        return self.value[1]


_BY_SETTLEMENT = {
    "SETTLED": Outcome.SETTLED,
    "PARTIALLY_SETTLED": Outcome.PARTIALLY_SETTLED,
    "INSTRUCTED": Outcome.IN_FLIGHT,
    "REJECTED": Outcome.REJECTED_BY_CSD,
}
_MOVED = ("SETTLED", "PARTIALLY_SETTLED")
_BY_DECISION = {"HELD": Outcome.HELD, "BLOCKED": Outcome.BLOCKED}
_BY_CONFIRMATION = {"CONFIRMED": Outcome.NOT_INSTRUCTED, "MISMATCHED": Outcome.MISMATCHED}


def sent(record: Path) -> int:
    """Return how many trades the front office sent, by its own record."""
    with record.open(encoding="utf-8") as lines:
        reports = map(json.loads, lines)
        return len({(report["source_system"], report["trade_reference"]) for report in reports})


def outcomes(snapshot: Snapshot) -> Counter[Outcome]:
    """Count the trades by outcome. A trade that was sent in several versions counts once, as it stands now."""
    decisions = {decision.trade_id: decision for decision in snapshot.decisions}
    settlements = {settlement.trade_id: settlement for settlement in snapshot.settlements}
    captured = {trade.key: trade for trade in snapshot.captured}
    counts = Counter(
        _of_captured(trade, decisions.get(trade.trade_id), settlements.get(trade.trade_id))
        for trade in captured.values()
    )
    repairs: dict[TradeKey, list[Repair]] = {}
    for repair in snapshot.repairs:
        repairs.setdefault(TradeKey(repair.source_system, repair.trade_reference), []).append(repair)
    dead = dead_places(snapshot.dead_letters)
    uncaptured = (snapshot.published.versions.keys() | repairs.keys()) - captured.keys()
    counts.update(_of_uncaptured(key, repairs.get(key, ()), snapshot.published, dead) for key in uncaptured)
    counts.update(
        Outcome.UNREADABLE if place in dead else Outcome.UNACCOUNTED for place in snapshot.published.nameless
    )
    return counts


def _of_captured(trade: Captured, decision: Decision | None, settlement: Settlement | None) -> Outcome:
    """Say where a captured trade stands: cancelled, else as far as it came, else what it waits for first."""
    if trade.cancelled:
        return _of_cancelled(settlement)
    if decision is None or settlement is None:
        return Outcome.UNACCOUNTED
    if settlement.failing and settlement.state == "INSTRUCTED":
        return Outcome.FAILING
    if settlement.state in _BY_SETTLEMENT:
        return _BY_SETTLEMENT[settlement.state]
    return _BY_DECISION.get(decision.outcome) or _BY_CONFIRMATION.get(
        trade.confirmation_status, Outcome.UNCONFIRMED
    )


def _of_cancelled(settlement: Settlement | None) -> Outcome:
    """Say what became of a cancelled trade: what the CSD has moved, the books keep."""
    if settlement is not None and settlement.state in _MOVED:
        return Outcome.CANCELLED_AFTER_SETTLEMENT
    return Outcome.CANCELLED


def _of_uncaptured(
    key: TradeKey, repairs: Iterable[Repair], published: Published, dead: set[Place]
) -> Outcome:
    statuses = {repair.status for repair in repairs}
    if statuses & {"OPEN", "WAITING"}:
        return Outcome.IN_REPAIR
    if "REJECTED" in statuses:
        return Outcome.REJECTED
    return Outcome.UNREADABLE if dead.issuperset(published.places.get(key, ())) else Outcome.UNACCOUNTED
