"""An instruction's life at the CSD. Statuses keep ISO's four-letter codes; each kind is independent of the others.

Processing, matching and settlement status come from sese.024, cancellation status from sese.027, and settled quantity
and amount from sese.025 alone: nothing else ever settles anything.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

ZERO = Decimal(0)


class Processing(StrEnum):
    """Processing status (ISO 15022 IPRC codes of sese.024 `PrcgSts`)."""

    PACK = "PACK"  # AckdAccptd
    PPRC = "PPRC"  # PdgPrcg
    REJT = "REJT"  # Rjctd
    REPR = "REPR"  # Rpr
    CAND = "CAND"  # Canc
    CANP = "CANP"  # PdgCxl


class Matching(StrEnum):
    """Matching status (MTCH codes of sese.024 `MtchgSts`)."""

    MACH = "MACH"  # Mtchd
    NMAT = "NMAT"  # Umtchd


class Pending(StrEnum):
    """Settlement status (SETT codes of sese.024 `SttlmSts`): there is none that says settled."""

    PEND = "PEND"  # Pdg: may still settle on the intended settlement date
    PENF = "PENF"  # Flng: can no longer settle on it


class Cancellation(StrEnum):
    """State of our cancellation request (CPRC codes of sese.027 `PrcgSts`, and REQD while unanswered)."""

    REQD = "REQD"
    PACK = "PACK"  # AckdAccptd
    CANP = "CANP"  # PdgCxl
    CAND = "CAND"  # Canc
    DEND = "DEND"  # Dnd
    REJT = "REJT"  # Rjctd


REFUSED_CANCELLATION = frozenset({Cancellation.DEND, Cancellation.REJT})
CLOSING = frozenset({Processing.REJT, Processing.CAND})


class Part(msgspec.Struct, frozen=True):
    """What is kept of one settlement that the CSD confirmed: of a part, or of the whole."""

    quantity: Decimal
    amount: Decimal
    effective_date: date


class Instruction(msgspec.Struct, eq=False):
    """One instruction: the trade version's terms as they were sent, and where it stands.

    number: 1, 2, 3… per trade. *_at: CSD's time of the advice that set the status. failed_on: intended settlement date
    once it passed unsettled, for ever; failing: whether that is still so. parts: what settled, by the CSD's reference.
    latest_day: the latest business day that opened on its calendar, as far as we heard. advices_wait: some of the CSD's
    wait for a later one.
    """

    instruction_id: str
    trade_id: str
    number: int
    trade_version: int
    side: str
    isin: str
    instrument_type: str
    currency: str
    book: str
    entity_lei: str
    counterparty_lei: str
    settlement_calendar: str
    settlement_date: date
    quantity: Decimal
    amount: Decimal
    settled_quantity: Decimal = ZERO
    settled_amount: Decimal = ZERO
    processing_status: str | None = None
    processing_reason: str | None = None
    processing_at: datetime | None = None
    matching_status: str | None = None
    matching_reason: str | None = None
    matching_at: datetime | None = None
    settlement_status: str | None = None
    settlement_reason: str | None = None
    settlement_at: datetime | None = None
    cancellation_status: str | None = None
    cancellation_reason: str | None = None
    failing: bool = False
    failed_on: date | None = None
    settled_on: date | None = None
    version: int = 1
    latest_day: date | None = None
    advices_wait: bool = False
    parts: dict[str, Part] = {}

    @property
    def remaining_quantity(self) -> Decimal:
        """Return what has still to settle: units, or face amount for a bond."""
        return self.quantity - self.settled_quantity

    @property
    def remaining_amount(self) -> Decimal:
        """Return the money that has still to change hands."""
        return self.amount - self.settled_amount

    @property
    def settled(self) -> bool:
        """Return whether it settled in whole."""
        return self.settled_quantity == self.quantity

    @property
    def closed(self) -> bool:
        """Return whether the CSD rejected or cancelled it: it will do nothing more."""
        return self.processing_status in CLOSING

    @property
    def live(self) -> bool:
        """Return whether the CSD may still settle something of it."""
        return not self.closed and not self.settled

    @property
    def reason(self) -> str | None:
        """Return the CSD's latest reason for not settling, as far as it gave one."""
        return self.settlement_reason or self.matching_reason or self.processing_reason

    def fail(self) -> None:
        """Note that the intended settlement date ended with something unsettled."""
        self.failing = True
        self.failed_on = self.settlement_date
