"""What will become of an instruction: drawn from the seed and its terms alone, so that a rerun repeats it.

Not from its id, which its sender draws anew in every run: two runs with the same trades meet the same fates.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import NamedTuple

from simulators.money import rounded

_SCALE = 2**32


class Phase(IntEnum):
    """Part of a business day."""

    OPEN = 0
    CLOSED = 1


Due = tuple[date, Phase]


class Act(StrEnum):
    """One thing that the CSD says about an instruction."""

    ACCEPT_AND_MATCH = "accept-and-match"
    ACCEPT_UNMATCHED = "accept-unmatched"
    PROCESS_LATER = "process-later"
    REJECT = "reject"
    MATCH = "match"
    PEND = "pend"
    FAIL = "fail"
    SETTLE = "settle"
    SETTLE_PART = "settle-part"
    SETTLE_REST = "settle-rest"


SETTLING = frozenset({Act.SETTLE, Act.SETTLE_PART, Act.SETTLE_REST})


class Step(NamedTuple):
    """An act and when it is due; None: at once. reason: ISO 20022 reason code. quantity, amount: what settles."""

    act: Act
    due: Due | None = None
    reason: str | None = None
    quantity: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)


Plan = tuple[Step, ...]


class Instruction(NamedTuple):
    """What the CSD took from a sese.023. unit: Unit or FaceAmt. place: BIC of the CSD it was sent to."""

    instruction_id: str
    movement: str
    isin: str
    unit: str
    quantity: Decimal
    amount: Decimal
    currency: str
    settlement_date: date
    place: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Share of the instructions that each fault befalls, at most one each. All zero: everything settles."""

    rejected: Decimal = Decimal(0)
    unmatched: Decimal = Decimal(0)
    delayed: Decimal = Decimal(0)
    failing: Decimal = Decimal(0)
    partial: Decimal = Decimal(0)
    cancellation_denied: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse rates that leave more than everything faulty."""
        if self.rejected + self.unmatched + self.delayed + self.failing + self.partial > 1:
            raise ValueError(
                "the rates of rejected, unmatched, delayed, failing and partial sum to more than 1"
            )


class Behaviour:
    """Draws a plan for each instruction. seed: another seed, another history."""

    def __init__(self, rates: Rates, seed: str) -> None:
        self._faults = tuple(
            (round(rate * _SCALE), plan)
            for rate, plan in (
                (rates.rejected, _rejected),
                (rates.unmatched, _unmatched),
                (rates.delayed, _delayed),
                (rates.failing, _failing),
                (rates.partial, _partial),
            )
        )
        self._denied = round(rates.cancellation_denied * _SCALE)
        self._key = seed.encode()[:64]

    def plans(self, instruction: Instruction) -> Iterator[Plan]:
        """Yield the acts that lie ahead of an instruction, in order; then what other rates or seeds would have drawn.

        How a plan goes in detail hangs on the instruction's terms alone, so that one begun under other rates goes on.
        """
        terms = _terms(instruction)
        details = _digest(terms, b"")
        yield self._drawn(terms)(instruction, details)
        for plan in (_straight, *(plan for _, plan in self._faults)):
            yield plan(instruction, details)

    def denies_cancellation(self, instruction: Instruction) -> bool:
        """Tell whether the CSD will not cancel this one although it could."""
        return int.from_bytes(_digest(_terms(instruction), self._key)[4:8]) < self._denied

    def _drawn(self, terms: bytes) -> Callable[[Instruction, bytes], Plan]:
        draw = int.from_bytes(_digest(terms, self._key)[:4])
        for width, plan in self._faults:
            if draw < width:
                return plan
            draw -= width
        return _straight


def _terms(instruction: Instruction) -> bytes:
    quantity, amount = instruction.quantity.normalize(), instruction.amount.normalize()
    day = instruction.settlement_date
    return (
        f"{instruction.movement}|{instruction.isin}|{quantity}|{amount}"
        f"|{instruction.currency}|{day}|{instruction.place}"
    ).encode()


def _digest(terms: bytes, key: bytes) -> bytes:
    return blake2b(terms, digest_size=16, key=key).digest()


def _settle(instruction: Instruction, on: date) -> Step:
    return Step(Act.SETTLE, (on, Phase.OPEN), None, instruction.quantity, instruction.amount)


def _straight(instruction: Instruction, _: bytes) -> Plan:
    return (Step(Act.ACCEPT_AND_MATCH), _settle(instruction, instruction.settlement_date))


def _rejected(_: Instruction, dice: bytes) -> Plan:
    return (Step(Act.REJECT, reason=("SAFE", "DSEC", "DDAT", "ICAG")[dice[8] % 4]),)


def _unmatched(instruction: Instruction, dice: bytes) -> Plan:
    """The counterparty instructs late: before the day of settlement, or up to two days after it."""
    matched = later(instruction.settlement_date, dice[9] % 3)
    reason = ("CMIS", "CMIS", "DMON", "DDAT")[dice[8] % 4]
    return (
        Step(Act.ACCEPT_UNMATCHED, reason=reason),
        Step(Act.MATCH, (matched, Phase.OPEN)),
        _settle(instruction, matched),
    )


def _delayed(instruction: Instruction, dice: bytes) -> Plan:
    """The CSD takes its time: it matches only on the day of settlement."""
    on = instruction.settlement_date
    reason = ("NEXT", "OTHR")[dice[8] % 2]
    return (
        Step(Act.PROCESS_LATER, reason=reason),
        Step(Act.ACCEPT_AND_MATCH, (on, Phase.OPEN)),
        _settle(instruction, on),
    )


def _short(instruction: Instruction, dice: bytes) -> str:
    """Say who is short of what: us (LACK securities, MONY cash) or the counterparty (CLAC, CMON)."""
    receives = instruction.movement == "RECE"
    return ("CLAC" if receives else "LACK") if dice[8] % 4 else ("MONY" if receives else "CMON")


def _failing(instruction: Instruction, dice: bytes) -> Plan:
    on, reason = instruction.settlement_date, _short(instruction, dice)
    return (
        Step(Act.ACCEPT_AND_MATCH),
        Step(Act.PEND, (on, Phase.OPEN), reason),
        Step(Act.FAIL, (on, Phase.CLOSED), reason),
        _settle(instruction, later(on, 1 + dice[9] % 4)),
    )


def _partial(instruction: Instruction, dice: bytes) -> Plan:
    """Securities for a part are there on the day, the rest comes some days later."""
    part = (instruction.quantity * (1 + dice[9] % 9) / 10).to_integral_value(ROUND_DOWN)
    if not 0 < part < instruction.quantity:
        return _failing(instruction, dice)
    paid = _pro_rata(instruction, part)
    on = instruction.settlement_date
    reason = "CLAC" if instruction.movement == "RECE" else "LACK"
    rest = (instruction.quantity - part, instruction.amount - paid)
    return (
        Step(Act.ACCEPT_AND_MATCH),
        Step(Act.SETTLE_PART, (on, Phase.OPEN), None, part, paid),
        Step(Act.FAIL, (on, Phase.CLOSED), reason),
        Step(Act.SETTLE_REST, (later(on, 1 + dice[10] % 3), Phase.OPEN), None, *rest),
    )


def _pro_rata(instruction: Instruction, part: Decimal) -> Decimal:
    """Return the money for a part in the currency's minor unit; rounded half up, the rest takes the rest."""
    share = instruction.amount * part / instruction.quantity
    return min(rounded(share, instruction.currency), instruction.amount)


def later(day: date, weekdays: int) -> date:
    """Return the date so many weekdays on. Closures do not matter: an act due on one happens on the next open day."""
    while weekdays:
        day += timedelta(days=1)
        weekdays -= day.weekday() < 5
    return day
