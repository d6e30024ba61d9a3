"""What front-office applications publish."""

import inspect
from datetime import date
from decimal import Decimal

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import Charge, Int, LongText, Side, Text, Timestamp

FRONTOFFICE_TRADES = Topic("frontoffice.trades.v1", owner="front-office")


class _ExecutedTerms(Event, frozen=True, kw_only=True):
    """Terms of an execution, as the front office knows them.

    source_system, trade_reference, version: together the idempotency key. A new trade is version 1; each correction
    or cancellation carries the next version.
    side: ours. quantity: units, or face amount for a bond; > 0. price: per unit in `currency`; for a bond per 100 of
    face, clean. trader: employee id at the firm. book: book id. executed_at: UTC. trade_date: the market's local date.
    settlement_date: only when it was agreed to differ from the market's cycle. accrued_interest: bonds only, to
    settlement date, in `currency`.
    """

    source_system: Text
    trade_reference: Text
    version: Int
    side: Side
    isin: Text
    mic: Text
    quantity: Decimal
    price: Decimal
    currency: Text
    trade_date: date
    executed_at: Timestamp
    book: Text
    trader: Text
    counterparty_lei: Text
    settlement_date: date | None = None
    charges: tuple[Charge, ...] = ()
    accrued_interest: Decimal | None = None


@event(
    "backoffice.frontoffice.trade-executed.v1", FRONTOFFICE_TRADES, key=("source_system", "trade_reference")
)
class TradeExecuted(_ExecutedTerms, frozen=True, kw_only=True):
    """A trade was done (version 1)."""

    __doc__ = f"{__doc__}\n\n{inspect.getdoc(_ExecutedTerms)}"


@event(
    "backoffice.frontoffice.trade-corrected.v1", FRONTOFFICE_TRADES, key=("source_system", "trade_reference")
)
class TradeCorrected(_ExecutedTerms, frozen=True, kw_only=True):
    """A trade's terms were wrong; these, all of them stated again, replace them (version 2 and up)."""

    __doc__ = f"{__doc__}\n\n{inspect.getdoc(_ExecutedTerms)}"


@event("backoffice.frontoffice.trade-busted.v1", FRONTOFFICE_TRADES, key=("source_system", "trade_reference"))
class TradeBusted(Event, frozen=True, kw_only=True):
    """A trade never was, by the front office's word (FIX ExecType=H). version: the next one. reason: in plain words."""

    source_system: Text
    trade_reference: Text
    version: Int
    reason: LongText
