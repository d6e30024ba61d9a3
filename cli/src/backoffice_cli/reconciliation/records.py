"""What each side says, as far as it is compared. Fields are named as the sides name them; others are passed over."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from msgspec import Struct


class TradeKey(NamedTuple):
    """How the front office names a trade."""

    source_system: str
    trade_reference: str

    def __str__(self) -> str:
        return f"{self.source_system}:{self.trade_reference}"


class Place(NamedTuple):
    """Where a record lies on its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"partition {self.partition}, offset {self.offset}"


class Beginning(NamedTuple):
    """Where a partition begins by now, and when the first record that it keeps came to the broker."""

    offset: int
    arrived_at: datetime


@dataclass(slots=True)
class Published:
    """The front office's own record, as its topic keeps it: for some days.

    versions: which versions were published of each trade. places: where. corrections: where each version after the
    first. nameless: records that name no trade. beginnings: of each partition that keeps any record.
    """

    versions: dict[TradeKey, set[int]] = field(default_factory=lambda: defaultdict(set))
    places: dict[TradeKey, list[Place]] = field(default_factory=lambda: defaultdict(list))
    nameless: list[Place] = field(default_factory=list)
    corrections: dict[tuple[TradeKey, int], list[Place]] = field(default_factory=lambda: defaultdict(list))
    beginnings: dict[int, Beginning] = field(default_factory=dict)

    def should_keep(self, record: "TakenRecord") -> bool:
        """Return whether the topic should still keep a record that a trade was taken from."""
        beginning = self.beginnings.get(record.place.partition)
        if beginning is None or record.place.offset < beginning.offset:
            return False
        # Taken in before all that is there came: it was on a topic of this name before this one was made anew.
        return record.recorded_at >= beginning.arrived_at


class TakenRecord(NamedTuple):
    """A record that a trade was taken from. recorded_at: when, by the clock of trade-capture."""

    place: Place
    recorded_at: datetime


class Captured(Struct, frozen=True):
    """A trade as trade-capture has it. partition, record_offset, recorded_at: of the last record it was taken from."""

    trade_id: str
    source_system: str
    trade_reference: str
    version: int
    source_version: int
    status: Literal["CAPTURED", "CANCELLED"]
    confirmation_status: Literal["UNCONFIRMED", "CONFIRMED", "MISMATCHED"]
    side: Literal["BUY", "SELL"]
    isin: str
    book: str
    quantity: Decimal
    currency: str
    net_amount: Decimal
    settlement_date: str
    partition: int | None
    record_offset: int | None
    recorded_at: datetime | None

    @property
    def key(self) -> TradeKey:
        """Return the front office's name of the trade."""
        return TradeKey(self.source_system, self.trade_reference)

    @property
    def record(self) -> TakenRecord | None:
        """Return the last record that the trade was taken from, None where all came over HTTP."""
        if self.partition is None or self.record_offset is None or self.recorded_at is None:
            return None
        return TakenRecord(Place(self.partition, self.record_offset), self.recorded_at)

    @property
    def cancelled(self) -> bool:
        """Return whether the trade is cancelled."""
        return self.status == "CANCELLED"

    @property
    def confirmed(self) -> bool:
        """Return whether the counterparty agrees with the current version."""
        return self.confirmation_status == "CONFIRMED"

    @property
    def money(self) -> Decimal:
        """Return what the trade as it stands brings in, negative when we pay."""
        if self.cancelled:
            return Decimal(0)
        return -self.net_amount if self.side == "BUY" else self.net_amount

    @property
    def position(self) -> Decimal:
        """Return what the trade adds to its book's position."""
        if self.cancelled:
            return Decimal(0)
        return self.quantity if self.side == "BUY" else -self.quantity


class Repair(Struct, frozen=True):
    """An entry of the repair queue."""

    source_system: str
    trade_reference: str
    source_version: int | None
    status: str


class DeadLetter(Struct, frozen=True):
    """An event that a consumer could not take. status: open, redriven or discarded."""

    topic: str
    partition: int
    offset: int
    status: str


class Decision(Struct, frozen=True):
    """Compliance's decision that stands on a trade."""

    trade_id: str
    trade_version: int
    outcome: str


class CsdStatus(Struct, frozen=True):
    """A status that the CSD gave, None while it gave none."""

    status: str | None = None


class Instruction(Struct, frozen=True):
    """An instruction to the CSD. failed_on: when its trade failed, whatever became of it; failing: whether it does."""

    trade_version: int
    side: str
    quantity: Decimal
    amount: Decimal
    settled_quantity: Decimal
    settled_amount: Decimal
    failing: bool
    failed_on: str | None
    cancellation: CsdStatus

    @property
    def settled(self) -> "Settled":
        """Return what settled, by its own side: an amendment may have turned the trade round since."""
        if self.side == "BUY":
            return Settled(self.settled_quantity, -self.settled_amount)
        return Settled(-self.settled_quantity, self.settled_amount)


class Settlement(Struct, frozen=True):
    """A trade's settlement, with its last instruction."""

    trade_id: str
    trade_version: int
    isin: str | None
    book: str | None
    settlement_date: str | None
    state: str
    cancelled: bool
    confirmed: bool
    decision: str | None
    exceptions: list[str]
    instruction: Instruction | None = None

    @property
    def failing(self) -> bool:
        """Return whether something of the last instruction is failing now."""
        return self.instruction is not None and self.instruction.failing and self.state in _LIVE


_LIVE = ("INSTRUCTED", "PARTIALLY_SETTLED")


class SettledTotal(Struct, frozen=True):
    """What settled in one book, instrument and currency."""

    book: str
    isin: str
    currency: str
    received_quantity: Decimal
    delivered_quantity: Decimal
    paid_amount: Decimal
    received_amount: Decimal


class JournalReference(Struct, frozen=True):
    """A journal of a trade."""

    journal_id: str
    kind: str
    trade_version: int
    recorded_at: str
    reverses: str | None = None


class Amounts(Struct, frozen=True):
    """What a trade's journals leave in one currency, debit minus credit."""

    currency: str
    unsettled: Decimal
    fails: Decimal
    cash: Decimal


class Booked(Struct, frozen=True):
    """A trade as the ledger has it."""

    trade_id: str
    trade_date_quantity: Decimal
    settled_quantity: Decimal
    unsettled_quantity: Decimal
    failing_quantity: Decimal
    amounts: list[Amounts]
    journals: list[JournalReference]


class Position(Struct, frozen=True):
    """What a book holds of an instrument."""

    book: str
    isin: str
    trade_date_quantity: Decimal
    settled_quantity: Decimal
    unsettled_quantity: Decimal
    failing_quantity: Decimal

    @property
    def added_up(self) -> Decimal:
        """Return what settled and what is in flight, together."""
        return self.settled_quantity + self.unsettled_quantity + self.failing_quantity


class Difference(Struct, frozen=True):
    """A key under which the ledger keeps another sum than its lines, or movements, add up to."""

    key: str
    rollup: str
    lines: str


class ConfirmationDifference(Struct, frozen=True):
    """An instruction that settled anything else than the CSD's confirmations of it add up to."""

    instruction_id: str
    trade_id: str | None
    settled_quantity: Decimal
    settled_amount: Decimal
    confirmed_quantity: Decimal
    confirmed_amount: Decimal


class CurrencyControl(Struct, frozen=True):
    """The ledger's totals of one currency, debit minus credit."""

    currency: str
    balanced: bool
    cash: Decimal


class LedgerControls(Struct, frozen=True):
    """What the ledger proves of itself."""

    ok: bool
    journals: int
    lines: int
    balanced: bool
    unbalanced_journals: list[str]
    duplicates: int
    incomplete_journals: int
    balance_differences: list[Difference]
    position_differences: list[Difference]
    positions_add_up: bool
    currencies: list[CurrencyControl]


class Messaging(Struct, frozen=True):
    """How a service's events fare."""

    outbox_pending: int
    dead_letters: int
    parked: int


class Settled(NamedTuple):
    """What the CSD confirmed, signed as our books see it: securities in, cash in."""

    quantity: Decimal
    amount: Decimal


@dataclass(slots=True)
class Snapshot:
    """All sides at one moment, when nothing is on its way. settled: of trades with more than one instruction."""

    published: Published
    captured: list[Captured]
    repairs: list[Repair]
    dead_letters: list[DeadLetter]
    decisions: list[Decision]
    settlements: list[Settlement]
    settled_totals: list[SettledTotal]
    confirmation_differences: list[ConfirmationDifference]
    booked: list[Booked]
    positions: list[Position]
    controls: LedgerControls
    messaging: dict[str, Messaging]
    settled: dict[str, Settled] = field(default_factory=dict)
