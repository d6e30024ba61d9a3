"""The terms of a trade as a front office stated them: in full, or as far as its message can be read."""

from datetime import date, datetime
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.contracts.vocabulary import Charge, Side

Terms = TradeExecuted | TradeCorrected


class Legible(Struct, frozen=True, kw_only=True):
    """What can be read of terms that break the contract. UNSET: missing or malformed, so nothing hangs on it."""

    side: Side | UnsetType = UNSET
    isin: str | UnsetType = UNSET
    mic: str | UnsetType = UNSET
    quantity: Decimal | UnsetType = UNSET
    price: Decimal | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    trade_date: date | UnsetType = UNSET
    executed_at: datetime | UnsetType = UNSET
    book: str | UnsetType = UNSET
    trader: str | UnsetType = UNSET
    counterparty_lei: str | UnsetType = UNSET
    settlement_date: date | UnsetType | None = None
    charges: tuple[Charge, ...] | UnsetType = ()
    accrued_interest: Decimal | UnsetType | None = None


Stated = Terms | Legible
