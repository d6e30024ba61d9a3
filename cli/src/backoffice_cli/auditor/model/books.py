"""What the books must say of one trade in the end, whatever the order in which everything came."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from backoffice_cli.auditor.model.terms import Terms
from backoffice_events.contracts.vocabulary import Measurement, Side

CASH = "1100"
RECEIVABLE, PAYABLE = "1210", "2110"
FAILS_TO_DELIVER, FAILS_TO_RECEIVE = "1220", "2120"
ACCRUED_INTEREST = "1230"
INVESTMENTS = {Measurement.FVTPL: "1310", Measurement.FVOCI: "1320", Measurement.AMORTISED_COST: "1330"}
TRANSACTION_COSTS = "6110"

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Settled:
    """What an instruction came to. fails: its intended date ended with something unsettled, and that still counts."""

    side: Side
    isin: str
    currency: str
    book: str
    quantity: Decimal
    amount: Decimal
    settled_quantity: Decimal
    settled_amount: Decimal
    fails: bool


@dataclass(slots=True)
class Books:
    """Balances by account, currency and book (debits positive); securities by book and ISIN, purchases positive.

    positions: traded, settled, unsettled and failing.
    """

    balances: dict[tuple[str, str, str], Decimal]
    positions: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal, Decimal]]


def expected_books(standing: Terms | None, instructions: Iterable[Settled]) -> Books:
    """Return the books of a trade. standing: the terms in force, None when it was cancelled."""
    balances: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    moves: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [_ZERO] * 4)
    if standing is not None:
        for account, amount in _trade_date(standing):
            balances[account, standing.currency, standing.book] += amount
        _move(moves, standing.book, standing.isin, _signed(standing.side, standing.quantity), (0, 2))
    for each in instructions:
        _settle(balances, moves, each)
    return Books(
        balances={key: amount for key, amount in balances.items() if amount},
        positions={key: (a, b, c, d) for key, (a, b, c, d) in moves.items() if (a, b, c, d) != (_ZERO,) * 4},
    )


def _trade_date(terms: Terms) -> Iterable[tuple[str, Decimal]]:
    """Return the accounts that a trade touches on its trade date (IFRS 9 5.1.1: costs of FVTPL are an expense)."""
    costs = sum((amount for _, amount in terms.charges), _ZERO)
    expensed = costs if terms.measurement is Measurement.FVTPL else _ZERO
    capitalised = costs - expensed
    investment = INVESTMENTS[terms.measurement]
    if terms.side is Side.BUY:
        return (
            (investment, terms.gross + capitalised),
            (PAYABLE, -terms.net),
            (ACCRUED_INTEREST, terms.accrued),
            (TRANSACTION_COSTS, expensed),
        )
    return (
        (investment, -(terms.gross - capitalised)),
        (RECEIVABLE, terms.net),
        (ACCRUED_INTEREST, -terms.accrued),
        (TRANSACTION_COSTS, expensed),
    )


def _settle(
    balances: dict[tuple[str, str, str], Decimal],
    moves: dict[tuple[str, str], list[Decimal]],
    done: Settled,
) -> None:
    """Add what settled of an instruction, and what is failing of it."""
    unsettled, fails = (
        (PAYABLE, FAILS_TO_RECEIVE) if done.side is Side.BUY else (RECEIVABLE, FAILS_TO_DELIVER)
    )
    paid = _signed(done.side, done.settled_amount)
    open_amount = _signed(done.side, done.amount - done.settled_amount) if done.fails else _ZERO
    open_quantity = _signed(done.side, done.quantity - done.settled_quantity) if done.fails else _ZERO
    place = done.currency, done.book
    balances[CASH, *place] -= paid
    balances[unsettled, *place] += paid + open_amount
    balances[fails, *place] -= open_amount
    settled = _signed(done.side, done.settled_quantity)
    _move(moves, done.book, done.isin, settled, (1,))
    _move(moves, done.book, done.isin, -settled - open_quantity, (2,))
    _move(moves, done.book, done.isin, open_quantity, (3,))


def _move(
    moves: dict[tuple[str, str], list[Decimal]],
    book: str,
    isin: str,
    quantity: Decimal,
    columns: Iterable[int],
) -> None:
    for column in columns:
        moves[book, isin][column] += quantity


def _signed(side: Side, number: Decimal) -> Decimal:
    return number if side is Side.BUY else -number
