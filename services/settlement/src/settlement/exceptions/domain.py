"""Which states of a settlement need a person, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from settlement.instructions.domain import REFUSED_CANCELLATION, ZERO, Instruction, Matching, Processing
from settlement.processes.domain import Outcome, Settlement


class Kind(StrEnum):
    """What is wrong."""

    UNMATCHED = "UNMATCHED"
    FAILING = "FAILING"
    LATE_NOT_INSTRUCTED = "LATE_NOT_INSTRUCTED"
    NOT_INSTRUCTABLE = "NOT_INSTRUCTABLE"
    REJECTED = "REJECTED"
    CANCELLED_BY_CSD = "CANCELLED_BY_CSD"
    REMAINDER_CLOSED = "REMAINDER_CLOSED"
    CANCELLATION_REFUSED = "CANCELLATION_REFUSED"
    AMENDED_AFTER_SETTLEMENT = "AMENDED_AFTER_SETTLEMENT"
    CANCELLED_AFTER_SETTLEMENT = "CANCELLED_AFTER_SETTLEMENT"
    UNCONFIRMED_AFTER_SETTLEMENT = "UNCONFIRMED_AFTER_SETTLEMENT"
    NOT_CLEARED_AFTER_SETTLEMENT = "NOT_CLEARED_AFTER_SETTLEMENT"


@dataclass(frozen=True, slots=True)
class Condition:
    """A reason to call a person. cause: what it hangs on; the same kind for another cause is another exception."""

    kind: Kind
    cause: str
    reason: str


def conditions(settlement: Settlement) -> list[Condition]:
    """Return every condition that holds now."""
    latest = settlement.latest
    if _calm(settlement, latest):
        return []
    found = list(_of_trade(settlement, latest))
    if latest is not None:
        if latest.live:
            found.extend(_of_live(settlement, latest))
        elif latest.closed and latest.settled_quantity == ZERO:
            found.extend(_of_closed(settlement, latest))
        if latest.settled_quantity > ZERO:
            found.extend(_after_settlement(settlement, latest))
    return found


def _calm(settlement: Settlement, latest: Instruction | None) -> bool:
    """Tell of most settlements, cheaply, that nothing is wrong."""
    if settlement.late or settlement.inexpressible is not None:
        return False
    if latest is None:
        return True
    if latest.trade_version != settlement.trade_version or not settlement.ready:
        return False
    return latest.settled or (latest.live and not latest.failing and latest.matching_status != Matching.NMAT)


def _of_trade(settlement: Settlement, latest: Instruction | None) -> Iterator[Condition]:
    version = str(settlement.trade_version)
    if settlement.inexpressible is not None and not settlement.cancelled:
        yield Condition(Kind.NOT_INSTRUCTABLE, version, f"{settlement.inexpressible}; amend the trade")
    if settlement.late and not settlement.cancelled and not _under_way(settlement, latest):
        yield Condition(Kind.LATE_NOT_INSTRUCTED, version, _why_not_instructed(settlement))


def _under_way(settlement: Settlement, latest: Instruction | None) -> bool:
    if latest is None:
        return False
    current = latest.trade_version == settlement.trade_version
    return latest.settled_quantity > ZERO or (latest.live and current)


def _why_not_instructed(settlement: Settlement) -> str:
    causes = []
    if not settlement.agreed:
        causes.append("not confirmed by the counterparty")
    if not settlement.cleared:
        causes.append(f"not cleared by compliance ({settlement.decision or 'no decision'})")
    why = " and ".join(causes) or "its former instruction is not out of the way"
    return f"settlement date {settlement.settlement_date} came and the trade is not instructed: {why}"


def _of_live(settlement: Settlement, latest: Instruction) -> Iterator[Condition]:
    if latest.matching_status == Matching.NMAT:
        reason = latest.matching_reason or "no reason given"
        yield Condition(
            Kind.UNMATCHED, latest.instruction_id, f"the CSD found no matching instruction: {reason}"
        )
    if latest.failing:
        reason = latest.reason or "no reason given"
        yield Condition(
            Kind.FAILING, latest.instruction_id, f"unsettled since {latest.settlement_date}: {reason}"
        )
    unwanted = not (settlement.ready and latest.trade_version == settlement.trade_version)
    if unwanted and latest.cancellation_status in REFUSED_CANCELLATION:
        code = latest.cancellation_reason or latest.cancellation_status
        yield Condition(Kind.CANCELLATION_REFUSED, latest.instruction_id, f"the CSD will not cancel: {code}")


def _of_closed(settlement: Settlement, latest: Instruction) -> Iterator[Condition]:
    if settlement.cancelled or latest.trade_version != settlement.trade_version:
        return
    code = latest.processing_reason or "no reason given"
    if latest.processing_status == Processing.REJT:
        yield Condition(Kind.REJECTED, latest.instruction_id, f"the CSD rejected the instruction: {code}")
    elif latest.cancellation_status is None:
        yield Condition(Kind.CANCELLED_BY_CSD, latest.instruction_id, f"the CSD cancelled of itself: {code}")


def _after_settlement(settlement: Settlement, latest: Instruction) -> Iterator[Condition]:
    """What settled stands: the difference has to be settled by other means, which a person arranges."""
    version = str(settlement.trade_version)
    settled = f"{latest.settled_quantity:f} of version {latest.trade_version} settled"
    if settlement.cancelled:
        yield Condition(Kind.CANCELLED_AFTER_SETTLEMENT, version, f"{settled}, then the trade was cancelled")
    elif latest.trade_version != settlement.trade_version:
        yield Condition(
            Kind.AMENDED_AFTER_SETTLEMENT, version, f"{settled}, then it was amended to version {version}"
        )
    elif not settlement.agreed:
        cause = str(settlement.confirmation_version)
        reason = f"{settled}, then the counterparty's confirmation disagreed"
        yield Condition(Kind.UNCONFIRMED_AFTER_SETTLEMENT, cause, reason)
    elif settlement.decision in {Outcome.HELD, Outcome.BLOCKED}:
        cause = str(settlement.decision_version)
        reason = f"{settled}, then compliance decided {settlement.decision}"
        yield Condition(Kind.NOT_CLEARED_AFTER_SETTLEMENT, cause, reason)
    elif latest.closed:
        code = latest.processing_reason or "no reason given"
        reason = f"{settled}, then the CSD closed the rest ({latest.processing_status}): {code}"
        yield Condition(Kind.REMAINDER_CLOSED, latest.instruction_id, reason)
