"""What trade-capture says of trades."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import (
    Charge,
    InstrumentType,
    Int,
    LongText,
    Measurement,
    Side,
    Text,
    Timestamp,
)

TRADING_TRADES = Topic("trading.trades.v1", owner="trade-capture")

SealedAccounts = Annotated[str, msgspec.Meta(max_length=4000)]
"""The three accounts of a trade, encrypted for settlement."""


class SettlementParties(msgspec.Struct, frozen=True, kw_only=True):
    """Where and between whom a trade settles, from the standing settlement instructions in force.

    place_of_settlement: BIC of the CSD (PSET). agent_bic, safekeeping_account, cash_account: ours.
    counterparty_bic, counterparty_agent_bic, counterparty_account: the other side's.
    """

    place_of_settlement: Text
    agent_bic: Text
    safekeeping_account: Text
    cash_account: Text
    counterparty_bic: Text
    counterparty_agent_bic: Text
    counterparty_account: Text


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A captured, enriched trade: all that any later service needs of it.

    trade_id: ours (UUIDv7). version: 1 as captured, one more with each amendment and with the cancellation.
    source_version: the front office's version that this one took in.
    quantity: units, or face amount for a bond. gross_amount: quantity x price in the currency's minor units (price /
    100 for a bond); net_amount: what changes hands: gross + accrued interest + charges for a buy, gross + accrued
    interest - charges for a sell.
    settlement_calendar: code of the calendar on which the firm's business day must reach settlement_date.
    measurement: the book's; entity_lei: the legal entity that the book belongs to.
    """

    trade_id: Text
    version: Int
    source_system: Text
    trade_reference: Text
    source_version: Int
    side: Side
    isin: Text
    instrument_type: InstrumentType
    mic: Text
    quantity: Decimal
    price: Decimal
    currency: Text
    gross_amount: Decimal
    charges: tuple[Charge, ...]
    accrued_interest: Decimal
    net_amount: Decimal
    trade_date: date
    executed_at: Timestamp
    settlement_date: date
    settlement_calendar: Text
    book: Text
    entity_lei: Text
    measurement: Measurement
    trader: Text
    counterparty_lei: Text
    counterparty_name: LongText
    settlement_parties: SettlementParties


class TradeEvent(Event, frozen=True, kw_only=True):
    """What is said of a trade with the whole of it."""

    trade: Trade
    sealed_accounts: SealedAccounts | None = None

    def key(self) -> str:
        """Return the trade's id."""
        return self.trade.trade_id


@event("backoffice.trading.trade-captured.v1", TRADING_TRADES, key="trade.trade_id")
class TradeCaptured(TradeEvent, frozen=True, kw_only=True):
    """A trade was taken in, valid and enriched (version 1).

    sealed_accounts: the trade's three accounts encrypted for settlement, and then empty in settlement_parties. So in
    what is said of it later.
    """


@event("backoffice.trading.trade-amended.v1", TRADING_TRADES, key="trade.trade_id")
class TradeAmended(TradeEvent, frozen=True, kw_only=True):
    """A trade's terms were replaced: `trade` is the new state in full; version - 1 is void."""


@event("backoffice.trading.trade-cancelled.v1", TRADING_TRADES, key="trade.trade_id")
class TradeCancelled(TradeEvent, frozen=True, kw_only=True):
    """A trade was cancelled: `trade` is its last terms under the next version."""

    reason: LongText


@event("backoffice.trading.trade-confirmed.v1", TRADING_TRADES, key="trade_id")
class TradeConfirmed(Event, frozen=True, kw_only=True):
    """The counterparty's confirmation agrees with version `trade_version` of the trade, or somebody accepted it.

    accepted_by: who accepted a difference, None when the confirmation matched within tolerance.
    """

    trade_id: Text
    trade_version: Int
    confirmation_reference: Text
    confirmation_version: Int
    accepted_by: Text | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field on which the two sides disagree. field: its name. ours, theirs: the values. reason: in words."""

    field: Text
    ours: LongText
    theirs: LongText
    reason: LongText


@event("backoffice.trading.trade-mismatched.v1", TRADING_TRADES, key="trade_id")
class TradeMismatched(Event, frozen=True, kw_only=True):
    """The counterparty's confirmation disagrees with version `trade_version` of the trade.

    If that version had been confirmed before (a corrected confirmation came), it no longer is.
    """

    trade_id: Text
    trade_version: Int
    confirmation_reference: Text
    confirmation_version: Int
    differences: tuple[Difference, ...]
