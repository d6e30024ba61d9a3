"""What an advice of the CSD does to an instruction, and which advices cannot be true."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from settlement.instructions.domain import ZERO, Cancellation, Instruction, Matching, Processing

MOVEMENT = {"BUY": "RECE", "SELL": "DELI"}
"""Which securities movement (SctiesMvmntTp) settles a side of ours, always against payment."""


class ContradictionError(Exception):
    """An advice cannot be true of the instruction as we know it. The text says what contradicts what."""


class Status(msgspec.Struct, frozen=True):
    """One status and the reason code given with it, if any."""

    code: str
    reason: str | None = None


class StatusAdvice(msgspec.Struct, frozen=True):
    """sese.024: each kind of status that it states; None where it says nothing."""

    instruction_id: str
    processing: Status | None = None
    matching: Status | None = None
    settlement: Status | None = None


class CancellationAdvice(msgspec.Struct, frozen=True):
    """sese.027: what became of our cancellation request."""

    instruction_id: str
    status: Status


class Confirmation(msgspec.Struct, frozen=True):
    """sese.025: what settled. csd_reference: the CSD's name of this one settlement.

    partial: PAIN (more to come) or PARC (the last part), None for a settlement in whole. previously_* and remaining_*:
    None where the CSD does not state them.
    """

    instruction_id: str
    csd_reference: str
    movement: str
    isin: str
    currency: str
    in_face_amount: bool
    settled_quantity: Decimal
    settled_amount: Decimal
    effective_date: date
    partial: str | None = None
    previously_settled_quantity: Decimal | None = None
    remaining_quantity: Decimal | None = None
    previously_settled_amount: Decimal | None = None
    remaining_amount: Decimal | None = None


def apply_status(instruction: Instruction, advice: StatusAdvice, at: datetime) -> bool:
    """Take over the statuses that are news, and tell whether any was.

    An instruction that settled, was rejected or cancelled has no other status to come, and a status older than the
    one known (`at`: the CSD's time) is stale.
    """
    if not instruction.live:
        return False
    news = False
    if advice.processing and _newer(at, instruction.processing_at):
        instruction.processing_status = advice.processing.code
        instruction.processing_reason = advice.processing.reason
        instruction.processing_at = at
        instruction.failing = instruction.failing and not instruction.closed
        news = True
    if advice.matching and _may_match(instruction, advice.matching) and _newer(at, instruction.matching_at):
        instruction.matching_status = advice.matching.code
        instruction.matching_reason = advice.matching.reason
        instruction.matching_at = at
        news = True
    if advice.settlement and _newer(at, instruction.settlement_at):
        instruction.settlement_status = advice.settlement.code
        instruction.settlement_reason = advice.settlement.reason
        instruction.settlement_at = at
        news = True
    return news


def _newer(at: datetime, known: datetime | None) -> bool:
    return known is None or at >= known


def _may_match(instruction: Instruction, matching: Status) -> bool:
    """What settled in part was matched; an unmatched that arrives after is stale."""
    return matching.code == Matching.MACH or instruction.settled_quantity == ZERO


def apply_cancellation(instruction: Instruction, advice: CancellationAdvice) -> bool:
    """Take over what became of our cancellation request, and tell whether that was news."""
    if instruction.cancellation_status is None:
        raise ContradictionError(
            f"no cancellation of instruction {instruction.instruction_id} was ever requested: ask the CSD"
        )
    if instruction.closed and instruction.cancellation_status != Cancellation.REQD:
        return False
    if instruction.settled and advice.status.code == Cancellation.CAND:
        raise ContradictionError(
            f"instruction {instruction.instruction_id} settled in whole: nothing was cancelled"
        )
    instruction.cancellation_status = advice.status.code
    instruction.cancellation_reason = advice.status.reason
    if advice.status.code == Cancellation.CAND:
        instruction.processing_status = Processing.CAND
        instruction.processing_reason = advice.status.reason
        instruction.failing = False
    return True


def apply_confirmation(instruction: Instruction, confirmation: Confirmation) -> bool:
    """Settle what the CSD confirmed; False when this very confirmation was taken before.

    Raises ContradictionError.
    """
    if confirmation.csd_reference in instruction.csd_references:
        return False
    _check_terms(instruction, confirmation)
    _check_quantities(instruction, confirmation)
    _check_amounts(instruction, confirmation)
    instruction.csd_references.add(confirmation.csd_reference)
    instruction.settled_quantity += confirmation.settled_quantity
    instruction.settled_amount += confirmation.settled_amount
    if instruction.settled:
        instruction.settled_on = confirmation.effective_date
        instruction.failing = False
    return True


def _check_terms(instruction: Instruction, confirmation: Confirmation) -> None:
    if instruction.closed:
        raise ContradictionError(
            f"it settles an instruction that the CSD closed before ({instruction.processing_status}): ask the CSD"
        )
    _same("movement", MOVEMENT[instruction.side], confirmation.movement)
    _same("ISIN", instruction.isin, confirmation.isin)
    _same("currency", instruction.currency, confirmation.currency)
    in_face = instruction.instrument_type == "BOND"
    _same("quantity in", _measure(in_face=in_face), _measure(in_face=confirmation.in_face_amount))
    if confirmation.effective_date < instruction.settlement_date:
        raise ContradictionError(
            f"effective date {confirmation.effective_date} is before the intended {instruction.settlement_date}"
        )


def _measure(*, in_face: bool) -> str:
    return "face amount" if in_face else "units"


def _check_quantities(instruction: Instruction, confirmation: Confirmation) -> None:
    if confirmation.settled_quantity <= ZERO:
        raise ContradictionError("the settled quantity must be more than zero")
    _agree(
        "previously settled quantity", instruction.settled_quantity, confirmation.previously_settled_quantity
    )
    remaining = instruction.remaining_quantity - confirmation.settled_quantity
    if remaining < ZERO:
        raise ContradictionError(
            f"over-settlement: {confirmation.settled_quantity} settled of {instruction.remaining_quantity} remaining"
        )
    _agree("remaining quantity", remaining, confirmation.remaining_quantity)
    if (confirmation.partial == "PAIN") == (remaining == ZERO) and confirmation.partial is not None:
        raise ContradictionError(f"{confirmation.partial} cannot leave {remaining} remaining")


def _check_amounts(instruction: Instruction, confirmation: Confirmation) -> None:
    _agree("previously settled amount", instruction.settled_amount, confirmation.previously_settled_amount)
    remaining = instruction.remaining_amount - confirmation.settled_amount
    if remaining < ZERO:
        raise ContradictionError(
            f"over-settlement: {confirmation.settled_amount} paid of {instruction.remaining_amount} remaining"
        )
    _agree("remaining amount", remaining, confirmation.remaining_amount)
    if confirmation.settled_quantity == instruction.remaining_quantity and remaining != ZERO:
        raise ContradictionError(
            f"the whole quantity settled, but {remaining} {instruction.currency} is left"
        )


def _same(what: str, ours: str, theirs: str) -> None:
    if ours != theirs:
        raise ContradictionError(f"{what} {theirs} is not ours, {ours}")


def _agree(what: str, ours: Decimal, theirs: Decimal | None) -> None:
    if theirs is not None and ours != theirs:
        raise ContradictionError(
            f"{what} is {theirs} to the CSD and {ours} to us: an earlier confirmation may be missing"
        )
