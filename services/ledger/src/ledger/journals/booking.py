"""Booking: which journals an event leads to, given what stands in the books of its trade. Pure.

Trade events and settlement events travel on different topics, so they come in any order between each other; within
each of the two they come in order. Whatever the interleaving, the books end the same.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCancelled, TradeCaptured
from ledger.journals import posting
from ledger.journals.assembly import (
    PostingRun,
    end_of_fail,
    instruction_journal,
    reversal,
    trade_date_journal,
)
from ledger.journals.books import TradeBooks, enter
from ledger.journals.domain import Journal, JournalKind, NaturalKey, PostingError

BookableEvent: TypeAlias = (
    TradeCaptured | TradeAmended | TradeCancelled | InstructionSettled | InstructionFailing
)

BOOKABLE: Final = (TradeCaptured, TradeAmended, TradeCancelled, InstructionSettled, InstructionFailing)


def post(books: TradeBooks, event: BookableEvent, event_id: str, run: PostingRun) -> list[Journal]:
    """Return the journals that the event leads to and enter them in `books`; none for an event booked before.

    Raises PostingError, leaving `books` as they were.
    """
    journals = _RULES[type(event)](books, event, event_id, run)
    for journal in journals:
        _check_accounts_open(journal, run.closed_accounts)
    for journal in journals:
        enter(books, journal)
    return journals


def _captured(books: TradeBooks, event: TradeCaptured, event_id: str, run: PostingRun) -> list[Journal]:
    trade = event.trade
    if _is_booked(books, NaturalKey(trade.version, JournalKind.TRADE_DATE, None), event_id):
        return []
    _check_follows(books, trade)
    return [trade_date_journal(trade, event_id, run)]


def _amended(books: TradeBooks, event: TradeAmended, event_id: str, run: PostingRun) -> list[Journal]:
    trade = event.trade
    if _is_booked(books, NaturalKey(trade.version, JournalKind.TRADE_DATE, None), event_id):
        return []
    _check_follows(books, trade)
    return [*_take_back(books, trade, event_id, run), trade_date_journal(trade, event_id, run)]


def _cancelled(books: TradeBooks, event: TradeCancelled, event_id: str, run: PostingRun) -> list[Journal]:
    if _is_booked(books, NaturalKey(event.trade.version, JournalKind.REVERSAL, None), event_id):
        return []
    _check_follows(books, event.trade)
    journals = _take_back(books, event.trade, event_id, run)
    if not journals:
        # No journal would tell an earlier version that comes after all that it is void: it would stand for ever.
        raise PostingError(
            f"nothing of trade {books.trade_id} is booked that version {event.trade.version} could take back; deal "
            "with the dead letter of its earlier version first, or discard this event too"
        )
    return journals


def _settled(books: TradeBooks, event: InstructionSettled, event_id: str, run: PostingRun) -> list[Journal]:
    key = NaturalKey(event.trade_version, JournalKind.SETTLEMENT, event.csd_reference)
    if _is_booked(books, key, event_id):
        return []
    fail = books.fails.get(event.trade_version)
    return [
        instruction_journal(
            event,
            event_id,
            run,
            kind=JournalKind.SETTLEMENT,
            csd_reference=event.csd_reference,
            effective_date=event.effective_date,
            lines=posting.settlement_lines(event, fail),
            movement=posting.settlement_movement(event, fail),
        )
    ]


def _failing(books: TradeBooks, event: InstructionFailing, event_id: str, run: PostingRun) -> list[Journal]:
    """Book a fail, unless the trade events say already that this version is void, or it fails already."""
    key = NaturalKey(event.trade_version, JournalKind.FAILING, event.instruction_id)
    void = event.trade_version < books.version
    if void or _is_booked(books, key, event_id) or event.trade_version in books.fails:
        return []
    _check_still_open(books, event)
    return [
        instruction_journal(
            event,
            event_id,
            run,
            kind=JournalKind.FAILING,
            effective_date=event.failed_on,
            lines=posting.failing_lines(event),
            movement=posting.failing_movement(event),
        )
    ]


_RULES: Final[Mapping[type, Callable[[TradeBooks, Any, str, PostingRun], list[Journal]]]] = {
    TradeCaptured: _captured,
    TradeAmended: _amended,
    TradeCancelled: _cancelled,
    InstructionSettled: _settled,
    InstructionFailing: _failing,
}


def _is_booked(books: TradeBooks, key: NaturalKey, event_id: str) -> bool:
    """Tell whether this very event is booked; refuse another event for the same journal."""
    source = books.posted.get(key)
    if source is None or source == event_id:
        return source is not None
    reference = f", reference {key.reference}" if key.reference else ""
    raise PostingError(
        f"event {source} has posted the {key.kind} journal of trade {books.trade_id} version {key.trade_version}"
        f"{reference} already; discard this event, or publish a correction under the next version"
    )


def _check_follows(books: TradeBooks, trade: Trade) -> None:
    if trade.version <= books.version:
        raise PostingError(
            f"version {trade.version} of trade {trade.trade_id} comes after version {books.version} was booked; "
            f"publish the correction under version {books.version + 1}"
        )


def _check_still_open(books: TradeBooks, event: InstructionFailing) -> None:
    """Refuse a fail that a settlement told after it has overtaken: nothing would ever end what it leaves failing.

    Only the trade's own journal tells how much there is to settle, and that may be yet to come.
    """
    trade_date = books.trade_date
    if trade_date is None or trade_date.trade_version != event.trade_version:
        return
    to_settle = abs(trade_date.movement.trade_date) - books.settled[event.instruction_id]
    if event.failing_quantity > to_settle:
        raise PostingError(
            f"instruction {event.instruction_id} has left {to_settle:f} to settle, and {event.failing_quantity:f} are "
            "said to fail: a later settlement of it was booked before; discard this event"
        )


def _check_accounts_open(journal: Journal, closed: frozenset[str]) -> None:
    shut = sorted({line.account for line in journal.lines} & closed) if closed else []
    if shut:
        raise PostingError(f"account {', '.join(shut)} is closed; open it (finance), then redrive this event")


def _take_back(books: TradeBooks, trade: Trade, event_id: str, run: PostingRun) -> list[Journal]:
    """Return the journals that take back all that stands for earlier versions; settlements stand."""
    journals = [reversal(books.trade_date, trade, event_id, run)] if books.trade_date else []
    void = [fail for fail in books.fails.values() if fail.journal.trade_version < trade.version]
    return journals + [end_of_fail(fail, trade, event_id, run) for fail in void]
