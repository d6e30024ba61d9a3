"""What a journal is: balanced lines on accounts, and the move of securities that goes with them."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec


class JournalKind(StrEnum):
    """Why a journal was posted.

    TRADE_DATE: a trade was captured or amended. SETTLEMENT: it settled, in part or in whole. FAILING: it did not settle
    in time. REVERSAL: the exact mirror of one earlier journal. RELEASE: takes back what is still open of a FAILING
    journal that has settled in part, when its trade is amended or cancelled.
    """

    TRADE_DATE = "TRADE_DATE"
    SETTLEMENT = "SETTLEMENT"
    FAILING = "FAILING"
    REVERSAL = "REVERSAL"
    RELEASE = "RELEASE"


class Line(NamedTuple):
    """One line of a journal. amount: a debit is positive, a credit negative."""

    account: str
    currency: str
    amount: Decimal


class Movement(NamedTuple):
    """Change of a book's holding of one instrument, in units (face amount for a bond); a purchase is positive.

    What was traded is settled, unsettled or failing: trade_date = settled + unsettled + failing.
    """

    trade_date: Decimal
    settled: Decimal
    unsettled: Decimal
    failing: Decimal


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """One posting, complete.

    source_event_id: the event that caused it. trade_version: the version it belongs to; a reversal belongs to the
    version that made it necessary. csd_reference: of a SETTLEMENT, the CSD's id of its confirmation.
    reverses: the journal that a REVERSAL or RELEASE takes back. effective_date: when what it records took effect;
    posting_date: the day of the books it counts in, later than effective_date when that day was closed already.
    """

    journal_id: str
    source_event_id: str
    kind: JournalKind
    trade_id: str
    trade_version: int
    instruction_id: str | None = None
    csd_reference: str | None = None
    reverses: str | None = None
    effective_date: date
    posting_date: date
    settlement_calendar: str
    entity_lei: str
    book: str
    isin: str
    lines: tuple[Line, ...]
    movement: Movement


class NaturalKey(NamedTuple):
    """What makes a journal of a trade one of a kind, whichever event asks for it.

    reference: the CSD's of a settlement, the instruction's of a fail, None of a trade-date journal.
    """

    trade_version: int
    kind: JournalKind
    reference: str | None


class PostingError(Exception):
    """An event that can't be booked as it is. The message says why and what to do."""


def mirrored_lines(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the same lines with debit and credit swapped."""
    return tuple([Line(line.account, line.currency, -line.amount) for line in lines])


def mirrored_movement(movement: Movement) -> Movement:
    """Return the opposite movement."""
    return Movement(-movement.trade_date, -movement.settled, -movement.unsettled, -movement.failing)
