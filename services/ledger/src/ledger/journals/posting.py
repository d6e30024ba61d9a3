"""Posting rules: which lines and which movement of securities each event leads to. Pure arithmetic.

Sources: IFRS 9 5.1.1 and B5.4.8 (transaction costs go into cost, except of investments at fair value through profit or
loss, where they are an expense), B3.1.3-6 (trade-date accounting). Until the books keep lots, a sale takes investments
out at their traded value: no profit or loss is realised.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Measurement, Side
from ledger.accounts import domain as chart
from ledger.journals.domain import Journal, Line, Movement, PostingError

_ZERO: Final = Decimal(0)


class OpenFail(NamedTuple):
    """What is still failing of a version of a trade, and the journal that said so. amount, quantity: never negative."""

    journal: Journal
    amount: Decimal
    quantity: Decimal


def trade_date_lines(trade: Trade) -> tuple[Line, ...]:
    """Return the lines of a trade on its trade date.

    Raises PostingError when the trade's amounts do not add up or are negative.
    """
    _check_amounts(trade.quantity, trade.gross_amount, *[charge.amount for charge in trade.charges])
    charges = sum([charge.amount for charge in trade.charges], _ZERO)
    buying = trade.side is Side.BUY
    expected = trade.gross_amount + trade.accrued_interest + (charges if buying else -charges)
    if trade.net_amount != expected:
        raise PostingError(
            f"net_amount {trade.net_amount} is not gross + accrued interest {'+' if buying else '-'} charges = "
            f"{expected}; correct the trade at its source"
        )
    return _bought(trade, charges) if buying else _sold(trade, charges)


def _bought(trade: Trade, charges: Decimal) -> tuple[Line, ...]:
    expensed = charges if trade.measurement is Measurement.FVTPL else _ZERO
    cost = trade.gross_amount + charges - expensed
    return _lines(
        trade.currency,
        (chart.INVESTMENTS[trade.measurement], cost),
        (chart.PAYABLE_UNSETTLED, -trade.net_amount),
        (chart.ACCRUED_INTEREST, trade.accrued_interest),
        (chart.TRANSACTION_COSTS, expensed),
    )


def _sold(trade: Trade, charges: Decimal) -> tuple[Line, ...]:
    expensed = charges if trade.measurement is Measurement.FVTPL else _ZERO
    proceeds = trade.gross_amount - charges + expensed
    return _lines(
        trade.currency,
        (chart.RECEIVABLE_UNSETTLED, trade.net_amount),
        (chart.INVESTMENTS[trade.measurement], -proceeds),
        (chart.ACCRUED_INTEREST, -trade.accrued_interest),
        (chart.TRANSACTION_COSTS, expensed),
    )


def trade_date_movement(trade: Trade) -> Movement:
    """Return the movement of a trade on its trade date: the position moves, nothing has settled."""
    quantity = _signed(trade.side, trade.quantity)
    return Movement(quantity, _ZERO, quantity, _ZERO)


def settlement_lines(event: InstructionSettled, fail: OpenFail | None) -> tuple[Line, ...]:
    """Return the lines of a settlement: out of the fails account as far as it was failing, else out of unsettled."""
    _check_amounts(event.settled_quantity, event.settled_amount)
    failed = _out_of_fail(event, fail) if fail else _ZERO
    buying = event.side is Side.BUY
    cash = -event.settled_amount if buying else event.settled_amount
    unsettled, fails = _in_flight_accounts(event.side)
    failed = failed if buying else -failed
    return _lines(event.currency, (chart.CASH, cash), (unsettled, -cash - failed), (fails, failed))


def _out_of_fail(event: InstructionSettled, fail: OpenFail) -> Decimal:
    """Return the part of the failing amount that this settlement ends."""
    if event.settled_quantity >= fail.quantity:
        return fail.amount
    return min(event.settled_amount, fail.amount)


def settlement_movement(event: InstructionSettled, fail: OpenFail | None) -> Movement:
    """Return the movement of a settlement: from failing as far as it was failing, else from unsettled, to settled."""
    failed = min(event.settled_quantity, fail.quantity) if fail else _ZERO
    settled = _signed(event.side, event.settled_quantity)
    failing = _signed(event.side, failed)
    return Movement(_ZERO, settled, failing - settled, -failing)


def failing_lines(event: InstructionFailing) -> tuple[Line, ...]:
    """Return the lines of a fail: from unsettled to fails to receive or to deliver; neither profit nor loss."""
    _check_amounts(event.failing_quantity, event.failing_amount)
    unsettled, fails = _in_flight_accounts(event.side)
    amount = _signed(event.side, event.failing_amount)
    return _lines(event.currency, (unsettled, amount), (fails, -amount))


def failing_movement(event: InstructionFailing) -> Movement:
    """Return the movement of a fail: from unsettled to failing; the position itself stays."""
    quantity = _signed(event.side, event.failing_quantity)
    return Movement(_ZERO, _ZERO, -quantity, quantity)


def release_lines(fail: OpenFail) -> tuple[Line, ...]:
    """Return the lines that take back what is still open of a fail."""
    return tuple(
        [
            Line(line.account, line.currency, -fail.amount if line.amount > 0 else fail.amount)
            for line in fail.journal.lines
        ]
    )


def release_movement(fail: OpenFail) -> Movement:
    """Return the movement that takes back what is still open of a fail."""
    quantity = fail.quantity if fail.journal.movement.failing > 0 else -fail.quantity
    return Movement(_ZERO, _ZERO, quantity, -quantity)


def _in_flight_accounts(side: Side) -> tuple[str, str]:
    """Return the accounts of what is unsettled and of what fails, for our side."""
    if side is Side.BUY:
        return chart.PAYABLE_UNSETTLED, chart.FAILS_TO_RECEIVE
    return chart.RECEIVABLE_UNSETTLED, chart.FAILS_TO_DELIVER


def _signed(side: Side, number: Decimal) -> Decimal:
    return number if side is Side.BUY else -number


def _lines(currency: str, *amounts: tuple[str, Decimal]) -> tuple[Line, ...]:
    """Return a line for each amount that is not zero; when all are, the first two, for the record."""
    lines = [Line(account, currency, amount) for account, amount in amounts if amount]
    return tuple(lines or [Line(account, currency, amount) for account, amount in amounts[:2]])


def _check_amounts(quantity: Decimal, *amounts: Decimal) -> None:
    if quantity <= 0:
        raise PostingError(f"quantity {quantity} is not positive; correct it at its source")
    if min(amounts) < 0:
        raise PostingError(f"amount {min(amounts)} is negative; correct it at its source")


def amount_out_of_fails(lines: Sequence[Line]) -> Decimal:
    """Return the amount that these lines take out of the fails accounts."""
    return sum([abs(line.amount) for line in lines if line.account in chart.FAILS], _ZERO)
