"""What counterparties send us."""

from datetime import date
from decimal import Decimal

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import Int, Side, Text

COUNTERPARTY_CONFIRMATIONS = Topic("counterparty.confirmations.v1", owner="counterparty")


@event(
    "backoffice.counterparty.confirmation-sent.v1",
    COUNTERPARTY_CONFIRMATIONS,
    key=("source_system", "trade_reference"),
)
class ConfirmationSent(Event, frozen=True, kw_only=True):
    """A counterparty states its side of a trade; a higher version of the same reference replaces the lower.

    source_system, trade_reference: the execution both parties refer to, as our front office named it.
    side: the counterparty's own (SELL where we bought). net_amount: what it expects to change hands, in `currency`.
    """

    counterparty_lei: Text
    confirmation_reference: Text
    version: Int
    source_system: Text
    trade_reference: Text
    side: Side
    isin: Text
    quantity: Decimal
    price: Decimal
    currency: Text
    net_amount: Decimal
    trade_date: date
    settlement_date: date
