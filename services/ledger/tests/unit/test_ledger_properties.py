"""What holds for every life of a trade, in whatever order its two streams of events reach the ledger."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from ledger.accounts import domain as chart
from ledger.journals.assembly import PostingRun
from ledger.journals.booking import post
from ledger.journals.books import TradeBooks
from ledger.journals.domain import Journal, JournalKind, mirrored_lines, mirrored_movement

pytestmark = pytest.mark.unit


def locked_for(books: TradeBooks, event: Any) -> PostingRun:
    """Return a run that knows the days of those calendars alone that are locked for a batch of one event."""
    own = getattr(event, "trade", event).settlement_calendar
    days = dict.fromkeys({own, *books.calendars()})
    return PostingRun(first_open_day=days, closed_accounts=frozenset(), new_id=new_id)


def booked(events: Iterable[Any], trade_id: str) -> list[Journal]:
    books = TradeBooks(trade_id)
    return [journal for event in events for journal in post(books, event, new_id(), locked_for(books, event))]


def balances(journals: Iterable[Journal]) -> dict[tuple[str, str, str], Decimal]:
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for journal in journals:
        for line in journal.lines:
            found[journal.book, line.account, line.currency] += line.amount
    return {key: balance for key, balance in found.items() if balance}


def positions(journals: Iterable[Journal]) -> dict[str, tuple[Decimal, ...]]:
    found: dict[str, tuple[Decimal, ...]] = defaultdict(lambda: (Decimal(0),) * 4)
    for journal in journals:
        found[journal.book] = tuple(map(sum, zip(found[journal.book], journal.movement, strict=True)))
    return {book: quantities for book, quantities in found.items() if any(quantities)}


def in_flight(journals: Iterable[Journal]) -> dict[tuple[str, str, str], Decimal]:
    accounts = {*chart.UNSETTLED, *chart.FAILS}
    return {key: balance for key, balance in balances(journals).items() if key[1] in accounts}


@given(random=st.randoms(use_true_random=False))
def test_every_journal_balances_and_every_movement_adds_up(
    lives: Any, interleaved: Any, random: Random
) -> None:
    life = lives.draw(random)
    for journal in booked(
        interleaved(random, life.trade_events, life.settlement_events), life.current.trade_id
    ):
        assert sum(line.amount for line in journal.lines) == 0
        assert len({line.currency for line in journal.lines}) == 1
        moved = journal.movement
        assert moved.trade_date == moved.settled + moved.unsettled + moved.failing


@given(random=st.randoms(use_true_random=False))
def test_the_books_end_the_same_in_whatever_order_the_streams_come(
    lives: Any, interleaved: Any, random: Random
) -> None:
    life = lives.draw(random)
    one = booked(interleaved(random, life.trade_events, life.settlement_events), life.current.trade_id)
    other = booked([*life.settlement_events, *life.trade_events], life.current.trade_id)
    assert balances(one) == balances(other)
    assert positions(one) == positions(other)


@given(random=st.randoms(use_true_random=False))
def test_cash_is_what_settled_and_the_position_is_what_was_traded(
    lives: Any, interleaved: Any, random: Random
) -> None:
    life = lives.draw(random)
    journals = booked(interleaved(random, life.trade_events, life.settlement_events), life.current.trade_id)
    cash = sum(balance for key, balance in balances(journals).items() if key[1] == chart.CASH)
    assert cash == life.cash
    traded = sum(journal.movement.trade_date for journal in journals)
    quantity = life.current.quantity if life.current.side is Side.BUY else -life.current.quantity
    assert traded == (0 if life.ended == "CANCELLED" else quantity)


@given(random=st.randoms(use_true_random=False))
def test_nothing_stays_in_flight_of_a_trade_that_settled_or_was_cancelled_before(
    lives: Any, interleaved: Any, random: Random
) -> None:
    life = lives.draw(random)
    journals = booked(interleaved(random, life.trade_events, life.settlement_events), life.current.trade_id)
    if life.ended != "LEFT" and not life.settled_before:
        assert in_flight(journals) == {}
        assert all(quantities[2:] == (0, 0) for quantities in positions(journals).values())
    if life.ended == "CANCELLED" and not life.settled_before:
        assert balances(journals) == {}


@given(random=st.randoms(use_true_random=False))
def test_a_reversal_mirrors_one_journal_and_no_journal_is_reversed_twice(
    lives: Any, interleaved: Any, random: Random
) -> None:
    life = lives.draw(random)
    journals = booked(interleaved(random, life.trade_events, life.settlement_events), life.current.trade_id)
    by_id = {journal.journal_id: journal for journal in journals}
    reversed_ids = [journal.reverses for journal in journals if journal.reverses]
    assert len(reversed_ids) == len(set(reversed_ids))
    for journal in journals:
        if journal.kind is JournalKind.REVERSAL:
            original = by_id[str(journal.reverses)]
            assert journal.lines == mirrored_lines(original.lines)
            assert journal.movement == mirrored_movement(original.movement)
            assert original.kind in {JournalKind.TRADE_DATE, JournalKind.FAILING}


@given(random=st.randoms(use_true_random=False))
def test_taking_everything_in_again_posts_nothing(lives: Any, interleaved: Any, random: Random) -> None:
    life = lives.draw(random)
    events = [(event, new_id()) for event in interleaved(random, life.trade_events, life.settlement_events)]
    books = TradeBooks(life.current.trade_id)
    for event, event_id in events:
        post(books, event, event_id, locked_for(books, event))
    again = [post(books, event, event_id, locked_for(books, event)) for event, event_id in events]
    assert again == [[]] * len(events)
