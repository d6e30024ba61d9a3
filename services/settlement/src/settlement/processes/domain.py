"""A trade's settlement: when it may be instructed, when an instruction has to be called back, and how it stands.

Facts arrive on two topics in any interleaving; each states the trade version it is about, so the order between the
topics does not matter: the latest of each kind of fact stands, and readiness is their agreement.
"""

from collections.abc import Callable
from datetime import date
from enum import Enum, StrEnum, auto

import msgspec

from backoffice_events.contracts.trading import Trade
from settlement.instructions.domain import ZERO, Instruction, Processing


class Outcome(StrEnum):
    """Compliance's decision on a trade version."""

    CLEARED = "CLEARED"
    HELD = "HELD"
    BLOCKED = "BLOCKED"


class State(StrEnum):
    """How far a trade's settlement has come. Failing is a flag beside it, never a state.

    REJECTED: the CSD closed the instruction, of which nothing settled: it rejected it, or cancelled it unasked.
    CANCELLED: the trade itself was cancelled.
    """

    AWAITING_INSTRUCTION = "AWAITING_INSTRUCTION"
    INSTRUCTED = "INSTRUCTED"
    PARTIALLY_SETTLED = "PARTIALLY_SETTLED"
    SETTLED = "SETTLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


OPEN_STATES = (State.AWAITING_INSTRUCTION, State.INSTRUCTED, State.PARTIALLY_SETTLED, State.REJECTED)
"""States in which something has still to happen on or after the settlement date."""


class Step(Enum):
    """What the platform itself has to do next."""

    NOTHING = auto()
    INSTRUCT = auto()
    REQUEST_CANCELLATION = auto()


class Settlement(msgspec.Struct):
    """One trade's settlement process.

    version: of the stored row, 0 before it is stored. trade_version: 0 until the trade itself was seen.
    confirmed_trade_version, confirmation_version: the latest word of the counterparty, `confirmed` whether it agrees.
    decision_*: compliance's latest decision. trade: the current terms while they are at hand, else `stored` reads them.
    sequence: number of settlement events published. late: the settlement date came and the trade was not instructed.
    inexpressible: why the current terms fit into no instruction. raised: conditions already before a person, by kind.
    instructions: oldest first; only the last can be live.
    """

    trade_id: str
    version: int = 0
    trade_version: int = 0
    cancelled: bool = False
    settlement_date: date | None = None
    settlement_calendar: str | None = None
    confirmed_trade_version: int = 0
    confirmation_version: int = 0
    confirmed: bool = False
    decision_trade_version: int = 0
    decision_version: int = 0
    decision: str | None = None
    sequence: int = 0
    late: bool = False
    inexpressible: str | None = None
    raised: dict[str, str] = {}
    trade: Trade | None = None
    stored: Callable[[], Trade] | None = None
    instructions: list[Instruction] = []

    @property
    def agreed(self) -> bool:
        """Return whether the counterparty agrees with the current version."""
        return self.confirmed and self.confirmed_trade_version == self.trade_version

    @property
    def cleared(self) -> bool:
        """Return whether compliance cleared the current version."""
        return self.decision == Outcome.CLEARED and self.decision_trade_version == self.trade_version

    @property
    def ready(self) -> bool:
        """Return whether the current version is to settle: not cancelled, confirmed and cleared."""
        return self.trade_version > 0 and not self.cancelled and self.agreed and self.cleared

    @property
    def latest(self) -> Instruction | None:
        """Return the last instruction sent."""
        return self.instructions[-1] if self.instructions else None

    @property
    def instruction_id(self) -> str:
        """Return the id of the last instruction sent, of which there is one."""
        return self.instructions[-1].instruction_id

    def take_trade(self, trade: Trade, *, cancelled: bool) -> bool:
        """Take over a version of the trade; False when a later one is known."""
        if trade.version <= self.trade_version:
            return False
        self.trade_version = trade.version
        self.cancelled = cancelled
        self.trade = trade
        self.settlement_date = trade.settlement_date
        self.settlement_calendar = trade.settlement_calendar
        self.late = False
        self.inexpressible = None
        return True

    def take_confirmation(self, trade_version: int, confirmation_version: int, *, agrees: bool) -> bool:
        """Take over the counterparty's word; False when one on a later version of the trade is known.

        Of those on one version of the trade the latest stands, as their topic has them in order. The confirmation's own
        version tells nothing: it counts under its reference, and another reference's may be lower.
        """
        if trade_version < self.confirmed_trade_version:
            return False
        self.confirmed_trade_version, self.confirmation_version = trade_version, confirmation_version
        self.confirmed = agrees
        return True

    def take_decision(self, trade_version: int, decision_version: int, outcome: Outcome) -> bool:
        """Take over compliance's decision; False when a later one is known."""
        if decision_version <= self.decision_version:
            return False
        self.decision_trade_version, self.decision_version = trade_version, decision_version
        self.decision = outcome
        return True


def next_step(settlement: Settlement) -> Step:
    """Return what has to be done now. At most one instruction is live, and none follows one that settled anything.

    A trade version is instructed once; again only after the CSD cancelled that instruction at our request.
    """
    latest = settlement.latest
    if latest is None:
        return Step.INSTRUCT if _may_send(settlement) else Step.NOTHING
    if latest.live:
        return Step.NOTHING if _is_wanted(settlement, latest) else _call_back(latest)
    if latest.settled_quantity > ZERO or not _superseded(settlement, latest):
        return Step.NOTHING
    return Step.INSTRUCT if _may_send(settlement) else Step.NOTHING


def _may_send(settlement: Settlement) -> bool:
    return settlement.ready and settlement.inexpressible is None


def _is_wanted(settlement: Settlement, latest: Instruction) -> bool:
    return settlement.ready and latest.trade_version == settlement.trade_version


def _call_back(latest: Instruction) -> Step:
    """Ask once; a refusal is a person's business."""
    return Step.NOTHING if latest.cancellation_status else Step.REQUEST_CANCELLATION


def _superseded(settlement: Settlement, closed: Instruction) -> bool:
    """Tell whether a closed instruction leaves room for another: newer terms, or cancelled because we asked."""
    if closed.trade_version < settlement.trade_version:
        return True
    return closed.processing_status == Processing.CAND and closed.cancellation_status is not None


def may_fail(settlement: Settlement) -> bool:
    """Return whether the end of the settlement date makes the trade's instruction failing."""
    latest = settlement.latest
    return (
        latest is not None
        and latest.live
        and latest.failed_on is None
        and latest.trade_version == settlement.trade_version
        and not settlement.cancelled
    )


def state_of(settlement: Settlement) -> State:
    """Return how far the settlement has come."""
    latest = settlement.latest
    if latest is not None and latest.settled_quantity > ZERO:
        return State.SETTLED if latest.settled else State.PARTIALLY_SETTLED
    if latest is not None and latest.live:
        return State.INSTRUCTED
    if settlement.cancelled:
        return State.CANCELLED
    if latest is not None and not _superseded(settlement, latest):
        return State.REJECTED
    return State.AWAITING_INSTRUCTION
