"""What an advice of the CSD does to an instruction, and which advices cannot be true."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec

from settlement.instructions.domain import (
    CLOSING,
    REFUSED_CANCELLATION,
    ZERO,
    Cancellation,
    Instruction,
    Matching,
    Part,
    Processing,
)

MOVEMENT = {"BUY": "RECE", "SELL": "DELI"}
"""Which securities movement (SctiesMvmntTp) settles a side of ours, always against payment."""
DIRECTION = {"BUY": "DBIT", "SELL": "CRDT"}
"""Whether the payment is taken from our cash account or put there (CdtDbtInd)."""

_ON_ITS_WAY = frozenset({Cancellation.PACK, Cancellation.CANP})
"""Answers to a cancellation request that another one follows."""

MOST_DAYS_AHEAD = 10
"""How far a confirmation may be ahead of the latest business day that we heard of: longer than markets ever close."""


class EarlyError(Exception):
    """A confirmation is of a business day that has not opened, as far as we heard: it has to wait for it."""

    def __init__(self, effective_date: date) -> None:
        super().__init__(f"business day {effective_date} has not opened yet")
        self.effective_date = effective_date


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


class Cash(msgspec.Struct, frozen=True):
    """An amount with its direction (AmountAndDirection), as the CSD states it."""

    amount: Decimal
    currency: str
    direction: str


class Confirmation(msgspec.Struct, frozen=True):
    """sese.025: what settled. csd_reference: the CSD's name of this one settlement.

    currency, direction: of the settled amount. settlement_date: the intended one. partial: PAIN (more to come) or PARC
    (the last part), None for a settlement in whole. Optional ones are None where the CSD does not state them.
    """

    instruction_id: str
    csd_reference: str
    movement: str
    isin: str
    currency: str
    direction: str
    in_face_amount: bool
    settled_quantity: Decimal
    settled_amount: Decimal
    effective_date: date
    settlement_date: date | None = None
    partial: str | None = None
    previously_settled_quantity: Decimal | None = None
    remaining_quantity: Decimal | None = None
    previously_settled_amount: Cash | None = None
    remaining_amount: Cash | None = None

    @property
    def part(self) -> Part:
        """Return what is kept of it."""
        return Part(self.settled_quantity, self.settled_amount, self.effective_date)


def apply_status(instruction: Instruction, advice: StatusAdvice, at: datetime) -> bool:
    """Take over the statuses that are news, and tell whether any was.

    An instruction that settled, was rejected or cancelled has no other status to come. A status older than the one
    known (`at`: the CSD's time) is stale, but rejection and cancellation never are: nothing was said after them.
    """
    if not instruction.live:
        return False
    news = False
    if advice.processing and (advice.processing.code in CLOSING or _newer(at, instruction.processing_at)):
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
    if instruction.cancellation_status in REFUSED_CANCELLATION and advice.status.code in _ON_ITS_WAY:
        return False  # we ask once: what comes after the last word on it was said before
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

    Raises ContradictionError, and EarlyError when nothing contradicts it but its day has not opened.
    """
    _check_terms(instruction, confirmation)
    known = instruction.parts.get(confirmation.csd_reference)
    if known is not None:
        _check_resent(known, confirmation)
        return False
    _check_open(instruction)
    _check_quantities(instruction, confirmation)
    _check_amounts(instruction, confirmation)
    _check_day(instruction, confirmation)
    instruction.parts[confirmation.csd_reference] = confirmation.part
    instruction.settled_quantity += confirmation.settled_quantity
    instruction.settled_amount += confirmation.settled_amount
    if instruction.settled:
        instruction.settled_on = confirmation.effective_date
        instruction.failing = False
    return True


def _check_terms(instruction: Instruction, confirmation: Confirmation) -> None:
    """Hold what no settlement changes against the instruction."""
    _same("movement", MOVEMENT[instruction.side], confirmation.movement)
    _same("ISIN", instruction.isin, confirmation.isin)
    in_face = instruction.instrument_type == "BOND"
    _same("quantity in", _measure(in_face=in_face), _measure(in_face=confirmation.in_face_amount))
    settled = Cash(confirmation.settled_amount, confirmation.currency, confirmation.direction)
    _check_cash("settled amount", instruction, settled)
    _check_cash("previously settled amount", instruction, confirmation.previously_settled_amount)
    _check_cash("remaining amount", instruction, confirmation.remaining_amount)
    if confirmation.settlement_date is not None:
        ours, theirs = instruction.settlement_date, confirmation.settlement_date
        _same("intended settlement date", ours.isoformat(), theirs.isoformat())
    if confirmation.effective_date < instruction.settlement_date:
        raise ContradictionError(
            f"effective date {confirmation.effective_date} is before the intended {instruction.settlement_date}"
        )


def _measure(*, in_face: bool) -> str:
    return "face amount" if in_face else "units"


def _check_cash(what: str, instruction: Instruction, cash: Cash | None) -> None:
    if cash is not None:
        _same(f"currency of the {what}", instruction.currency, cash.currency)
        _same(f"credit or debit of the {what}", DIRECTION[instruction.side], cash.direction)


def _check_resent(known: Part, confirmation: Confirmation) -> None:
    """A reference names one settlement for ever: said again, it must say the same."""
    if confirmation.part != known:
        raise ContradictionError(
            f"{confirmation.csd_reference} confirms {_in_words(confirmation.part)}; it was taken as"
            f" {_in_words(known)}: another settlement needs a reference of its own"
        )


def _in_words(part: Part) -> str:
    return f"{part.quantity:f} for {part.amount:f} on {part.effective_date}"


def _check_open(instruction: Instruction) -> None:
    if instruction.closed:
        raise ContradictionError(
            f"it settles an instruction that the CSD closed before ({instruction.processing_status}): ask the CSD"
        )


def _check_quantities(instruction: Instruction, confirmation: Confirmation) -> None:
    if confirmation.settled_quantity <= ZERO:
        raise ContradictionError(
            f"the settled quantity must be more than zero, not {confirmation.settled_quantity}"
        )
    remaining = instruction.remaining_quantity - confirmation.settled_quantity
    if remaining < ZERO:
        raise ContradictionError(
            f"over-settlement: {confirmation.settled_quantity} settled of {instruction.remaining_quantity} remaining"
        )
    if confirmation.settled_quantity != instruction.quantity:
        _check_totals_stated(confirmation)
    _agree(
        "previously settled quantity", instruction.settled_quantity, confirmation.previously_settled_quantity
    )
    _agree("remaining quantity", remaining, confirmation.remaining_quantity)
    if (confirmation.partial == "PAIN") == (remaining == ZERO) and confirmation.partial is not None:
        raise ContradictionError(f"{confirmation.partial} cannot leave {remaining} remaining")


def _check_totals_stated(confirmation: Confirmation) -> None:
    """Without its running totals a part that is said again under another reference looks like a second one."""
    stated = {
        "PrtlSttlm": confirmation.partial,
        "PrevslySttldQty": confirmation.previously_settled_quantity,
        "RmngToBeSttldQty": confirmation.remaining_quantity,
        "PrevslySttldAmt": confirmation.previously_settled_amount,
        "RmngToBeSttldAmt": confirmation.remaining_amount,
    }
    missing = [name for name, value in stated.items() if value is None]
    if missing:
        raise ContradictionError(
            f"{confirmation.settled_quantity} is a part, and a part must state its running totals:"
            f" {', '.join(missing)} missing; ask the CSD to confirm it with them"
        )


def _check_amounts(instruction: Instruction, confirmation: Confirmation) -> None:
    previously = _amount(confirmation.previously_settled_amount)
    _agree("previously settled amount", instruction.settled_amount, previously)
    remaining = instruction.remaining_amount - confirmation.settled_amount
    if remaining < ZERO:
        raise ContradictionError(
            f"over-settlement: {confirmation.settled_amount} paid of {instruction.remaining_amount} remaining"
        )
    _agree("remaining amount", remaining, _amount(confirmation.remaining_amount))
    if confirmation.settled_quantity != instruction.remaining_quantity:
        _check_minor_unit(instruction, confirmation.settled_amount)
        _check_pro_rata(instruction, confirmation)
    elif remaining != ZERO:
        raise ContradictionError(
            f"the whole quantity settled, but {remaining} {instruction.currency} is left"
        )


def _amount(cash: Cash | None) -> Decimal | None:
    return None if cash is None else cash.amount


def _check_minor_unit(instruction: Instruction, amount: Decimal) -> None:
    """ISO 20022 on amounts: the number of fractional digits must comply with ISO 4217.

    Our amount has them all: trade-capture gives what it computes in the currency's minor unit.
    """
    unit = _minor_unit(instruction)
    if Fraction(amount) % Fraction(unit):
        raise ContradictionError(
            f"settled amount {amount} {instruction.currency} is no multiple of the minor unit {unit}, as ours"
            f" of {instruction.amount} is"
        )


def _minor_unit(instruction: Instruction) -> Decimal:
    exponent = instruction.amount.as_tuple().exponent
    return Decimal(1).scaleb(min(int(exponent), 0))


def _check_pro_rata(instruction: Instruction, confirmation: Confirmation) -> None:
    """A part is paid for pro rata; the CSD rounds each part in its own way, and the last takes what is left."""
    quantity = instruction.settled_quantity + confirmation.settled_quantity
    paid = instruction.settled_amount + confirmation.settled_amount
    share = Fraction(instruction.amount) * Fraction(quantity) / Fraction(instruction.quantity)
    unit = _minor_unit(instruction)
    if abs(Fraction(paid) - share) > Fraction(unit) * (len(instruction.parts) + 1):
        raise ContradictionError(
            f"{paid} {instruction.currency} paid for {quantity} so far is not pro rata of {instruction.amount} for"
            f" {instruction.quantity}, which is {round(share / Fraction(unit)) * unit}"
        )


def _check_day(instruction: Instruction, confirmation: Confirmation) -> None:
    """A CSD settles on a business day that has begun; we may hear of that later than of the settlement."""
    latest, effective = instruction.latest_day, confirmation.effective_date
    if latest is not None and effective <= latest:
        return
    if latest is not None and (effective - latest).days > MOST_DAYS_AHEAD:
        raise ContradictionError(
            f"effective date {effective} has not come: the latest business day on {instruction.settlement_calendar} is"
            f" {latest}, and the next is never more than {MOST_DAYS_AHEAD} days away"
        )
    raise EarlyError(effective)


def _same(what: str, ours: str, theirs: str) -> None:
    if ours != theirs:
        raise ContradictionError(f"{what} {theirs} is not ours, {ours}")


def _agree(what: str, ours: Decimal, theirs: Decimal | None) -> None:
    if theirs is not None and ours != theirs:
        raise ContradictionError(
            f"{what} is {theirs} to the CSD and {ours} to us: an earlier confirmation may be missing"
        )
