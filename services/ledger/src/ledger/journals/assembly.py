"""Journals, put together whole: from a trade, from an event of settlement, or as the mirror of an earlier one. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import Trade
from ledger.journals import posting
from ledger.journals.domain import Journal, JournalKind, mirrored_lines, mirrored_movement
from ledger.journals.posting import OpenFail


@dataclass(frozen=True, slots=True)
class PostingRun:
    """What a run of postings stands on: closed accounts, a source of ids, and the first open day of each calendar.

    first_open_day: of every calendar that is locked for the run; None: no day of it was ever closed.
    """

    first_open_day: Mapping[str, date | None]
    closed_accounts: frozenset[str]
    new_id: Callable[[], str]

    def day(self, calendar: str, effective_date: date) -> date:
        """Return the day of the books for something that took effect on a date: never a closed one.

        Raises KeyError for a calendar that the run did not lock: its days might close at any moment.
        """
        return max(effective_date, self.first_open_day[calendar] or effective_date)


def end_of_fail(fail: OpenFail, trade: Trade, event_id: str, run: PostingRun) -> Journal:
    """Return what takes a fail back: its mirror or, once it has settled in part, the release of what is open."""
    journal = reversal(fail.journal, trade, event_id, run)
    if fail.quantity == abs(fail.journal.movement.failing):
        return journal
    return msgspec.structs.replace(
        journal,
        kind=JournalKind.RELEASE,
        lines=posting.release_lines(fail),
        movement=posting.release_movement(fail),
    )


def reversal(original: Journal, trade: Trade, event_id: str, run: PostingRun) -> Journal:
    """Return the exact mirror of a journal, dated in an open day and never before the original."""
    return msgspec.structs.replace(
        original,
        journal_id=run.new_id(),
        source_event_id=event_id,
        kind=JournalKind.REVERSAL,
        trade_version=trade.version,
        csd_reference=None,
        reverses=original.journal_id,
        posting_date=run.day(original.settlement_calendar, original.posting_date),
        lines=mirrored_lines(original.lines),
        movement=mirrored_movement(original.movement),
    )


def trade_date_journal(trade: Trade, event_id: str, run: PostingRun) -> Journal:
    """Return the journal of a trade on its trade date. Raises PostingError when its amounts make no sense."""
    return Journal(
        journal_id=run.new_id(),
        source_event_id=event_id,
        kind=JournalKind.TRADE_DATE,
        trade_id=trade.trade_id,
        trade_version=trade.version,
        effective_date=trade.trade_date,
        posting_date=run.day(trade.settlement_calendar, trade.trade_date),
        settlement_calendar=trade.settlement_calendar,
        entity_lei=trade.entity_lei,
        book=trade.book,
        isin=trade.isin,
        lines=posting.trade_date_lines(trade),
        movement=posting.trade_date_movement(trade),
    )


def instruction_journal(
    event: InstructionSettled | InstructionFailing,
    event_id: str,
    run: PostingRun,
    *,
    effective_date: date,
    **rest: Any,
) -> Journal:
    """Return a journal with what an event of settlement states; `rest`: its kind, lines and movement."""
    return Journal(
        journal_id=run.new_id(),
        source_event_id=event_id,
        trade_id=event.trade_id,
        trade_version=event.trade_version,
        instruction_id=event.instruction_id,
        effective_date=effective_date,
        posting_date=run.day(event.settlement_calendar, effective_date),
        settlement_calendar=event.settlement_calendar,
        entity_lei=event.entity_lei,
        book=event.book,
        isin=event.isin,
        **rest,
    )
