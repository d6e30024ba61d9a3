"""What stands in the books for one trade, and how a journal changes it. Pure."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from ledger.journals import posting
from ledger.journals.domain import Journal, JournalKind, NaturalKey
from ledger.journals.posting import OpenFail

_TOLD_BY_TRADE_EVENTS: Final = frozenset({JournalKind.TRADE_DATE, JournalKind.REVERSAL, JournalKind.RELEASE})


@dataclass(slots=True)
class TradeBooks:
    """What stands in the books for one trade.

    version: the highest version of the trade that trade events have told of, 0 before any.
    posted: source event of each journal by its natural key. trade_date: the trade-date journal that stands.
    fails: what is open of each version that failed, whichever instruction settles it in the end. settled: units that
    settled, by instruction.
    """

    trade_id: str
    version: int = 0
    posted: dict[NaturalKey, str] = field(default_factory=dict)
    trade_date: Journal | None = None
    fails: dict[int, OpenFail] = field(default_factory=dict)
    settled: dict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def calendars(self) -> set[str]:
        """Return the settlement calendars of what may be taken back: its mirror is dated by the same calendar."""
        standing = [fail.journal for fail in self.fails.values()]
        if self.trade_date is not None:
            standing.append(self.trade_date)
        return {journal.settlement_calendar for journal in standing}


def enter(books: TradeBooks, journal: Journal) -> None:
    """Let `books` know of a posted journal. A FAILING journal goes before settlements, those before reversals."""
    reference = journal.csd_reference or journal.instruction_id
    enter_header(books, NaturalKey(journal.trade_version, journal.kind, reference), journal.source_event_id)
    if journal.kind is JournalKind.TRADE_DATE:
        books.trade_date = journal
    elif journal.kind is JournalKind.FAILING:
        amount = max(abs(line.amount) for line in journal.lines)
        books.fails[journal.trade_version] = OpenFail(journal, amount, abs(journal.movement.failing))
    elif journal.kind is JournalKind.SETTLEMENT:
        _enter_settlement(books, journal)
    else:
        _enter_taken_back(books, journal)


def enter_header(books: TradeBooks, key: NaturalKey, source_event_id: str) -> None:
    """Let `books` know that a journal exists: all that is needed unless something is to be taken back."""
    books.posted[key] = source_event_id
    if key.kind in _TOLD_BY_TRADE_EVENTS:
        books.version = max(books.version, key.trade_version)


def _enter_settlement(books: TradeBooks, journal: Journal) -> None:
    books.settled[journal.instruction_id] += abs(journal.movement.settled)
    version = journal.trade_version
    fail = books.fails.get(version)
    if fail is None:
        return
    amount = fail.amount - posting.amount_out_of_fails(journal.lines)
    quantity = fail.quantity - abs(journal.movement.failing)
    if amount or quantity:
        books.fails[version] = fail._replace(amount=amount, quantity=quantity)
    else:
        del books.fails[version]


def _enter_taken_back(books: TradeBooks, journal: Journal) -> None:
    if books.trade_date and books.trade_date.journal_id == journal.reverses:
        books.trade_date = None
    books.fails = {
        version: fail for version, fail in books.fails.items() if fail.journal.journal_id != journal.reverses
    }
