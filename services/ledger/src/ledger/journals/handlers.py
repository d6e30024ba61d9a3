"""Books trades and settlements."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from backoffice_events.contracts.settlement import InstructionFailing
from backoffice_events.contracts.trading import TradeAmended, TradeCancelled
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec, Projection, Received
from ledger.accounts.repository import closed_accounts
from ledger.business_days.repository import lock_first_open_days
from ledger.journals import repository
from ledger.journals.assembly import PostingRun
from ledger.journals.booking import BOOKABLE, BookableEvent, post
from ledger.journals.books import TradeBooks
from ledger.journals.domain import Journal, PostingError
from ledger.metrics import JOURNALS


async def book(batch: Batch) -> None:
    """Post the journals that the events lead to; dead-letter the events that can't be booked."""
    books = await repository.lock_books(
        batch.connection,
        {received.key for received in batch.events},
        {
            received.key
            for received in batch.events
            if isinstance(received.event, TradeAmended | TradeCancelled | InstructionFailing)
        },
    )
    run = await _posting_run(batch, books.values())
    journals = [
        journal
        for received in batch.events
        for journal in _journals(batch, received, books[received.key], run)
    ]
    await repository.post(batch.connection, journals, batch.now)
    for kind, number in Counter(journal.kind for journal in journals).items():
        batch.count(JOURNALS, number, {"kind": kind})


async def _posting_run(batch: Batch, books: Iterable[TradeBooks]) -> PostingRun:
    """Lock the days of all calendars that a journal may be dated by: the events' own, and those of what stands."""
    calendars = {_calendar(received.event) for received in batch.events}
    calendars.update(*(one.calendars() for one in books))
    return PostingRun(
        first_open_day=await lock_first_open_days(batch.connection, calendars),
        closed_accounts=await closed_accounts(batch.connection),
        new_id=new_id,
    )


def _calendar(event: BookableEvent) -> str:
    return event.trade.settlement_calendar if hasattr(event, "trade") else event.settlement_calendar


def _journals(
    batch: Batch, received: Received[BookableEvent], books: TradeBooks, run: PostingRun
) -> list[Journal]:
    try:
        return post(books, received.event, received.uuid, run)
    except PostingError as refusal:
        batch.refuse(received, str(refusal))
        return []


# What the books come to. Journals themselves, and the days they are posted on, depend on when and in which interleaving
# the events came.
_BALANCES: Final = Projection(
    name="balance of each account by trade",
    key=("trade_id", "account_code", "currency"),
    rows="SELECT j.trade_id, l.account_code, l.currency, sum(l.amount) AS amount"
    " FROM {schema}.journal j JOIN {schema}.journal_line l USING (journal_id) GROUP BY 1, 2, 3"
    " HAVING sum(l.amount) <> 0",
)
_STOCK: Final = Projection(
    name="stock by trade",
    key=("trade_id", "book", "isin"),
    rows="SELECT j.trade_id, m.book, m.isin, sum(m.trade_date_quantity) AS trade_date,"
    " sum(m.settled_quantity) AS settled, sum(m.unsettled_quantity) AS unsettled, sum(m.failing_quantity) AS failing"
    " FROM {schema}.journal j JOIN {schema}.stock_movement m USING (journal_id) GROUP BY 1, 2, 3"
    " HAVING (sum(m.trade_date_quantity), sum(m.settled_quantity), sum(m.unsettled_quantity), sum(m.failing_quantity))"
    " <> (0, 0, 0, 0)",
)
CONSUMER: Final = ConsumerSpec(
    group="ledger.trades",
    contracts=BOOKABLE,
    handle=book,
    ordered=True,
    gather=0,
    projections=(_BALANCES, _STOCK),
)
