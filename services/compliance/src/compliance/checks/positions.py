"""Positions as compliance sees them: every live trade counts from its capture until it is cancelled.

A trade that is held or blocked was still done in the market, so it counts too. The gross position of a book
or trader in a currency is the sum over instruments of the absolute net quantity at the last traded price; an
instrument's is that of the whole firm. Once the trade that gave the price is cancelled or corrected, the reference
price takes its place until the next one.
"""

from decimal import Context, Decimal

import msgspec

from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from compliance.rules.domain import PositionScope

_EXACT = Context(prec=80)
_ZERO = Decimal(0)
_PER_HUNDRED = Decimal("0.01")

# Plain text as keys: an enum member is hashed in Python, which a batch of trades would feel.
_BOOK, _TRADER, _INSTRUMENT = (scope.value for scope in PositionScope)


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one trade adds to positions. quantity: signed, a sale is negative. price: per unit of quantity."""

    book: str
    trader: str
    isin: str
    currency: str
    quantity: Decimal
    price: Decimal

    def scopes(self) -> tuple[tuple[str, str], ...]:
        """Name the three positions that the trade is part of: scope and name."""
        return ((_BOOK, self.book), (_TRADER, self.trader), (_INSTRUMENT, self.isin))


def contribution(trade: Trade) -> Contribution:
    """Return what the trade adds."""
    return Contribution(
        book=trade.book,
        trader=trade.trader,
        isin=trade.isin,
        currency=trade.currency,
        quantity=trade.quantity if trade.side is Side.BUY else trade.quantity.copy_negate(),
        price=unit_price(trade.price, trade.instrument_type),
    )


def unit_price(price: Decimal, instrument_type: InstrumentType) -> Decimal:
    """Return what one unit of quantity is worth: a bond's price is per 100 of face."""
    return _EXACT.multiply(price, _PER_HUNDRED) if instrument_type is InstrumentType.BOND else price


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """A gross position as one trade changes it, in the trade's currency."""

    scope: str
    name: str
    before: Decimal
    after: Decimal


class Net(msgspec.Struct):
    """A net quantity, and the price it is valued at."""

    quantity: Decimal = _ZERO
    price: Decimal = _ZERO

    def value(self) -> Decimal:
        """Return what it is worth, without sign."""
        return _EXACT.multiply(self.quantity, self.price).copy_abs()


class Positions:
    """The positions that one batch of trades touches, changed trade by trade in memory and written once."""

    def __init__(self) -> None:
        self.nets: dict[tuple[str, str, str, str], Net] = {}
        self.gross: dict[tuple[str, str, str], Decimal] = {}

    def add(self, trade: Contribution) -> tuple[Exposure, ...]:
        """Count a trade in; return the gross positions before and after it."""
        return self._apply(trade, trade.quantity, trade.price)

    def remove(self, trade: Contribution, reference_price: Decimal | None) -> None:
        """Count a trade out again.

        Where it gave the position its price, the reference price takes over: nobody traded at the other. None where
        there is no reference price; then the price stays until the next trade.
        """
        self._apply(trade, trade.quantity.copy_negate(), reference_price, instead_of=trade.price)

    def put_back(self, former: Contribution, instead_of: Contribution) -> None:
        """Count a trade as it was before a later version took its place, which gives back the price too."""
        self.remove(instead_of, former.price)
        self._apply(former, former.quantity, None)

    def before(self, trade: Contribution) -> dict[tuple[str, str], Decimal]:
        """Return the gross positions that the trade is to become part of, by scope and name."""
        return {place: self.gross.get((*place, trade.currency), _ZERO) for place in trade.scopes()}

    def _apply(
        self,
        trade: Contribution,
        quantity: Decimal,
        price: Decimal | None,
        instead_of: Decimal | None = None,
    ) -> tuple[Exposure, ...]:
        """Change quantities, and prices to `price`: all of them, or those alone that are `instead_of`."""
        changed = []
        for scope, name in trade.scopes():
            net = self.nets.setdefault((scope, name, trade.isin, trade.currency), Net())
            key = (scope, name, trade.currency)
            before, worth = self.gross.get(key, _ZERO), net.value()
            net.quantity = _EXACT.add(net.quantity, quantity)
            if price is not None and instead_of in {None, net.price}:
                net.price = price
            after = self.gross[key] = _EXACT.add(before, _EXACT.subtract(net.value(), worth))
            changed.append(Exposure(scope=scope, name=name, before=before, after=after))
        return tuple(changed)
