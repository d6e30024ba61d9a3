"""From an execution that our front office reports to the confirmation that would be right. Pure."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.contracts.vocabulary import InstrumentType
from backoffice_events.limits import check_number
from simulators.market import Market
from simulators.money import gross_amount, net_amount

_VERSIONS_PER_REPORT = 2
"""Each report may be confirmed wrongly and then rightly: both need a version of their own."""


class Dealt(NamedTuple):
    """An execution as the other side knows it. right: the confirmation that would be right."""

    right: ConfirmationSent
    executed_at: datetime


class Counterparties:
    """All the firms on the other side. They know what was dealt, and each version of a trade once."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._known: set[tuple[str, str, int]] = set()

    def hear(self, event: Event) -> Dealt | None:
        """Return what was dealt; None for what nobody confirms.

        That is a bust, a report repeated or contradicted under the same version, and one that no firm was party to.
        """
        if not isinstance(event, TradeExecuted | TradeCorrected):
            return None
        name = (event.source_system, event.trade_reference, event.version)
        if name in self._known:
            return None
        right = self._right(event)
        if right is None:
            return None
        self._known.add(name)
        return Dealt(right, event.executed_at)

    def _right(self, event: TradeExecuted | TradeCorrected) -> ConfirmationSent | None:
        instrument = self._market.instruments.get((event.isin, event.mic))
        if instrument is None or event.counterparty_lei not in self._market.counterparties:
            return None
        kind = instrument.instrument_type
        settles = event.settlement_date or self._market.settlement_date(event.mic, kind, event.trade_date)
        if settles is None or event.quantity <= 0 or event.price <= 0:
            return None
        net = _net_or_none(event, kind)
        if net is None:
            return None
        return ConfirmationSent(
            counterparty_lei=event.counterparty_lei,
            confirmation_reference=f"CNF-{event.trade_reference}",
            version=_VERSIONS_PER_REPORT * event.version - 1,
            source_system=event.source_system,
            trade_reference=event.trade_reference,
            side=event.side.opposite,
            isin=event.isin,
            quantity=event.quantity,
            price=event.price,
            currency=event.currency,
            net_amount=net,
            trade_date=event.trade_date,
            settlement_date=settles,
        )


def _net_or_none(event: TradeExecuted | TradeCorrected, kind: InstrumentType) -> Decimal | None:
    """Return what changes hands, None when it is more than any message can state: nobody dealt that."""
    try:
        gross = gross_amount(event.quantity, event.price, kind, event.currency)
        net = net_amount(event.side, gross, event.accrued_interest or Decimal(0), event.charges)
        check_number(net)
    except (InvalidOperation, ValueError):
        return None
    return net
