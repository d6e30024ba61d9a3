"""What the books of one trade do with each event, given what stands."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from ledger.accounts import domain as chart
from ledger.journals.assembly import PostingRun
from ledger.journals.booking import BookableEvent, post
from ledger.journals.books import TradeBooks
from ledger.journals.domain import Journal, JournalKind, PostingError, mirrored_lines, mirrored_movement

pytestmark = pytest.mark.unit


class Ledger:
    """The books of one trade and the balances that its journals add up to."""

    def __init__(self, trade: Trade, **run: Any) -> None:
        self.books = TradeBooks(trade.trade_id)
        self.run = PostingRun(
            **({"first_open_day": {"US": None}, "closed_accounts": frozenset(), "new_id": new_id} | run)
        )
        self.journals: list[Journal] = []

    def take(self, event: BookableEvent, event_id: str | None = None) -> list[Journal]:
        posted = post(self.books, event, event_id or new_id(), self.run)
        self.journals += posted
        return posted

    def kinds(self) -> list[str]:
        return [journal.kind.value for journal in self.journals]

    def balance(self, account: str) -> Decimal:
        lines = [line for journal in self.journals for line in journal.lines if line.account == account]
        return sum((line.amount for line in lines), Decimal(0))

    def balances(self) -> dict[str, Decimal]:
        accounts = {line.account for journal in self.journals for line in journal.lines}
        return {account: amount for account in accounts if (amount := self.balance(account))}

    def position(self) -> tuple[Decimal, ...]:
        return tuple(map(sum, zip(*(journal.movement for journal in self.journals), strict=True)))


@pytest.fixture(params=[Side.BUY, Side.SELL])
def trade(request: pytest.FixtureRequest, events: Any) -> Trade:
    built: Trade = events.trade(side=request.param)
    return built


def unsettled(ledger: Ledger) -> Decimal:
    return ledger.balance(chart.PAYABLE_UNSETTLED) + ledger.balance(chart.RECEIVABLE_UNSETTLED)


def fails(ledger: Ledger) -> Decimal:
    return ledger.balance(chart.FAILS_TO_RECEIVE) + ledger.balance(chart.FAILS_TO_DELIVER)


def sign(trade: Trade) -> int:
    return 1 if trade.side is Side.BUY else -1


def test_a_settled_trade_leaves_nothing_unsettled(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade))
    assert ledger.kinds() == ["TRADE_DATE", "SETTLEMENT"]
    assert unsettled(ledger) == 0
    assert ledger.balance(chart.CASH) == -sign(trade) * trade.net_amount
    quantity = sign(trade) * trade.quantity
    assert ledger.position() == (quantity, quantity, 0, 0)


def test_settlement_heard_of_before_the_trade_books_the_same(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.settled(trade))
    ledger.take(events.captured(trade))
    in_order = Ledger(trade)
    in_order.take(events.captured(trade))
    in_order.take(events.settled(trade))
    assert ledger.balances() == in_order.balances()
    assert ledger.position() == in_order.position()
    assert unsettled(ledger) == 0


def test_a_partial_settlement_leaves_the_rest_unsettled(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade, 40, csd_reference="A"))
    assert unsettled(ledger) == -sign(trade) * (trade.net_amount - events.money(trade, 40))
    ledger.take(events.settled(trade, already=40, csd_reference="B"))
    assert unsettled(ledger) == 0


def test_a_fail_settles_in_parts_out_of_the_fails_account(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade, 30, csd_reference="A"))
    ledger.take(events.failing(trade, already=30))
    assert unsettled(ledger) == 0
    ledger.take(events.settled(trade, 20, already=30, csd_reference="B"))
    assert ledger.position()[3] == sign(trade) * 50
    ledger.take(events.settled(trade, already=50, csd_reference="C"))
    assert (unsettled(ledger), fails(ledger)) == (0, 0)
    assert ledger.position()[1:] == (sign(trade) * 100, 0, 0)


def test_an_amendment_reverses_exactly_and_books_anew(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    (first,) = ledger.take(events.captured(trade))
    amendment = events.amended(trade, quantity=Decimal(90), book="EQ-2")
    reversal, second = ledger.take(amendment, "event")
    assert (reversal.kind, reversal.reverses) == (JournalKind.REVERSAL, first.journal_id)
    assert reversal.lines == mirrored_lines(first.lines)
    assert reversal.movement == mirrored_movement(first.movement)
    assert reversal.book == "EQ-1"
    assert (second.kind, second.trade_version, second.book) == (JournalKind.TRADE_DATE, 2, "EQ-2")
    assert {reversal.source_event_id, second.source_event_id} == {"event"}


def test_a_cancelled_trade_leaves_nothing(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    amended = events.amended(trade, quantity=Decimal(90)).trade
    ledger.take(events.amended(trade, quantity=Decimal(90)))
    ledger.take(events.cancelled(amended))
    assert {account: ledger.balance(account) for account in ("1310", chart.TRANSACTION_COSTS)} == {
        "1310": 0,
        chart.TRANSACTION_COSTS: 0,
    }
    assert unsettled(ledger) == 0
    assert ledger.position() == (0, 0, 0, 0)


def test_cancelling_a_failing_trade_reverses_the_fail_too(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    (fail,) = ledger.take(events.failing(trade))
    ledger.take(events.cancelled(trade))
    assert ledger.kinds()[2:] == ["REVERSAL", "REVERSAL"]
    assert ledger.journals[3].reverses == fail.journal_id
    assert (unsettled(ledger), fails(ledger)) == (0, 0)


def test_a_fail_of_a_void_version_is_not_booked(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.cancelled(trade))
    assert ledger.take(events.failing(trade)) == []


def test_a_fail_of_the_version_to_come_outlives_the_amendment_that_brings_it(
    events: Any, trade: Trade
) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    amendment = events.amended(trade)
    ledger.take(events.failing(amendment.trade))
    ledger.take(amendment)
    assert ledger.kinds() == ["TRADE_DATE", "FAILING", "REVERSAL", "TRADE_DATE"]
    assert abs(fails(ledger)) == trade.net_amount
    assert unsettled(ledger) == 0


def test_an_instruction_that_replaces_a_failing_one_ends_the_same_fail(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.failing(trade, instruction_id="I-1"))
    assert ledger.take(events.failing(trade, instruction_id="I-2")) == []
    ledger.take(events.settled(trade, 40, csd_reference="A", instruction_id="I-2"))
    assert ledger.position()[1:] == (sign(trade) * 40, 0, sign(trade) * 60)
    ledger.take(events.settled(trade, already=40, csd_reference="B", instruction_id="I-2"))
    assert (unsettled(ledger), fails(ledger)) == (0, 0)
    assert ledger.position()[1:] == (sign(trade) * 100, 0, 0)


def test_after_a_partly_settled_fail_a_cancellation_takes_back_only_what_is_open(
    events: Any, trade: Trade
) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.failing(trade))
    ledger.take(events.settled(trade, 40))
    ledger.take(events.cancelled(trade))
    assert ledger.kinds()[-1] == "RELEASE"
    assert fails(ledger) == 0
    assert unsettled(ledger) == sign(trade) * events.money(trade, 40)
    traded, settled, in_flight, failing = ledger.position()
    assert (traded, failing) == (0, 0)
    assert settled + in_flight == 0


def test_an_event_taken_twice_posts_once(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    for event in (events.captured(trade), events.failing(trade), events.settled(trade)):
        assert ledger.take(event, event.event_type)
        assert ledger.take(event, event.event_type) == []


def test_another_event_for_the_same_journal_is_refused_and_changes_nothing(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade), "first")
    with pytest.raises(PostingError, match=r"event first has posted the TRADE_DATE journal"):
        ledger.take(events.captured(trade), "second")
    ledger.take(events.settled(trade), "third")
    with pytest.raises(PostingError, match="reference CSD-1"):
        ledger.take(events.settled(trade), "fourth")
    assert ledger.kinds() == ["TRADE_DATE", "SETTLEMENT"]


def test_a_version_that_comes_too_late_is_refused(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.amended(trade, version=3))
    with pytest.raises(PostingError, match=r"version 2 of trade .* comes after version 3"):
        ledger.take(events.amended(trade, version=2))


def test_a_cancellation_waits_for_what_it_takes_back(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    with pytest.raises(PostingError, match=r"nothing of trade .* is booked that version 2 could take back"):
        ledger.take(events.cancelled(trade))
    ledger.take(events.captured(trade))
    ledger.take(events.cancelled(trade))
    assert ledger.kinds() == ["TRADE_DATE", "REVERSAL"]


def test_a_cancellation_that_finds_only_a_fail_takes_it_back_and_the_trade_is_refused(
    events: Any, trade: Trade
) -> None:
    ledger = Ledger(trade)
    ledger.take(events.failing(trade))
    ledger.take(events.cancelled(trade))
    with pytest.raises(PostingError, match="comes after version 2 was booked"):
        ledger.take(events.captured(trade))
    assert (unsettled(ledger), fails(ledger)) == (0, 0)


@pytest.mark.parametrize("quantity", [40, None])
def test_a_fail_that_comes_after_a_later_settlement_of_its_instruction_is_refused(
    events: Any, trade: Trade, quantity: int | None
) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade, quantity))
    with pytest.raises(PostingError, match=r"has left \d+ to settle, and 100 are said to fail"):
        ledger.take(events.failing(trade))
    assert fails(ledger) == 0


def test_what_another_instruction_settled_makes_no_fail_too_large(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade)
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade, 40, instruction_id="I-1"))
    assert ledger.take(events.failing(trade, instruction_id="I-2"))


def test_nothing_is_posted_into_a_closed_day(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade, first_open_day={"US": date(2024, 6, 6)})
    ledger.take(events.captured(trade))
    ledger.take(events.settled(trade))
    assert {journal.posting_date for journal in ledger.journals} == {date(2024, 6, 6)}
    assert [journal.effective_date for journal in ledger.journals] == [date(2024, 6, 3), date(2024, 6, 4)]


def test_a_reversal_is_dated_in_an_open_day_and_never_before_the_original(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade, first_open_day={"US": date(2024, 6, 1)})
    ledger.take(events.captured(trade))
    (reversal,) = ledger.take(events.cancelled(trade))
    assert reversal.posting_date == date(2024, 6, 3)


def test_a_posting_on_a_closed_account_is_refused_as_a_whole(events: Any, trade: Trade) -> None:
    ledger = Ledger(trade, closed_accounts=frozenset({"1310"}))
    with pytest.raises(PostingError, match="account 1310 is closed; open it"):
        ledger.take(events.captured(trade))
    assert ledger.books.trade_date is None
