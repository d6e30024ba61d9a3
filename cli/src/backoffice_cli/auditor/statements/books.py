"""What everything comes to: terms, settled quantities and balances, held against the model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from backoffice_cli.auditor.evidence.databases import Row
from backoffice_cli.auditor.model.books import Books, Settled, expected_books
from backoffice_cli.auditor.model.confirming import agreement
from backoffice_cli.auditor.model.terms import Terms
from backoffice_cli.auditor.picture import Picture, TradePicture, by, last_closed, total
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts.vocabulary import Side

_ZERO = Decimal(0)
_LONG_BEFORE = 100
"""Transactions by which one must precede another to have committed before it for certain."""


def captured_as_reported(picture: Picture) -> Statement:
    """Hold each captured trade against what the model makes of its reports."""
    statement = Statement(
        "every captured trade has the version, terms and amounts that the model makes of its reports"
    )
    for trade in picture.trades.values():
        execution, row = trade.execution, trade.row
        if not execution.certain or row["repaired"]:
            continue
        name = picture.names(trade.trade_id)
        expected = (execution.version, execution.source_version, execution.cancelled)
        statement.expect(f"{name} version, source version, cancelled", expected, _stands(trade))
        if execution.terms is not None:
            statement.expect(f"{name} terms", _terms(execution.terms), _row_terms(row))
    return statement


def _stands(trade: TradePicture) -> tuple[int, int, bool]:
    return trade.row["version"], trade.row["source_version"], trade.cancelled


def _terms(terms: Terms) -> str:
    parts = (
        *(
            terms.side,
            terms.isin,
            terms.mic,
            terms.instrument_type,
            terms.currency,
            terms.book,
            terms.counterparty,
        ),
        *(terms.trader, terms.calendar, terms.trade_date, terms.settlement_date),
        *map(_number, (terms.quantity, terms.price, terms.gross, terms.net)),
    )
    return " ".join(str(part) for part in parts)


def _row_terms(row: Row) -> str:
    names = (
        *("side", "isin", "mic", "instrument_type", "currency", "book", "counterparty_lei", "trader"),
        *("settlement_calendar", "trade_date", "settlement_date"),
    )
    numbers = (row["quantity"], row["price"], row["gross_amount"], row["net_amount"])
    return " ".join([*(str(row[name]) for name in names), *map(_number, numbers)])


def _number(number: Decimal) -> str:
    return f"{number.normalize():f}"


def confirmed_as_confirmed(picture: Picture) -> Statement:
    """Hold each trade's confirmation status against what the model makes of the counterparties' words."""
    statement = Statement(
        "every trade is confirmed or not as the model makes of the counterparties' confirmations"
    )
    held = picture.held.get("trade-capture.confirmations", frozenset())
    for trade in picture.trades.values():
        if (
            trade.standing is None
            or trade.trade_id in picture.evidence.capture.accepted
            or ":".join(trade.key) in held
        ):
            continue
        expected = agreement(trade.standing, trade.confirmations)
        found = trade.row["confirmation_status"]
        statement.expect(f"{picture.names(trade.trade_id)} confirmation", expected, found)
    return statement


def settled_as_confirmed(picture: Picture) -> Statement:
    """Hold what each instruction settled against the sum of the CSD's confirmations."""
    statement = Statement(
        "every instruction carries its trade's terms and settled what the CSD's confirmations sum to"
    )
    held = picture.held.get("settlement.csd", frozenset())
    for trade in picture.trades.values():
        for row in trade.instructions:
            name = f"{picture.names(trade.trade_id)} instruction {row['instruction_id']}"
            terms = trade.terms.get(row["trade_version"])
            if terms is not None:
                expected = (terms.side, terms.isin, terms.book, terms.quantity, terms.net)
                found = tuple(row[column] for column in ("side", "isin", "book", "quantity", "amount"))
                statement.expect(f"{name} terms", expected, found)
            if row["instruction_id"] not in held:
                advices = picture.settled.get(row["instruction_id"], [])
                sums = total([each.quantity for each in advices]), total([each.amount for each in advices])
                statement.expect(f"{name} settled", sums, (row["settled_quantity"], row["settled_amount"]))
    return statement


def fails_are_told(picture: Picture) -> Statement:
    """Look for instructions that outlived their day in silence: those that were there before it ended for certain."""
    statement = Statement(
        "every instruction whose day ended with something unsettled was announced as failing"
    )
    closed = last_closed(picture)
    ended = {
        (row["calendar"], row["business_date"]): row["transaction"]
        for row in picture.evidence.settlement.business_days
    }
    sent = {
        row["instruction_id"]: row["transaction"]
        for row in picture.evidence.settlement.history
        if row["kind"] == "INSTRUCTED"
    }
    for trade in picture.trades.values():
        if not trade.instructions or trade.cancelled:
            continue
        row = trade.instructions[-1]
        last = closed.get(row["settlement_calendar"])
        due = last is not None and row["settlement_date"] <= last and row["live"]
        current = row["trade_version"] == trade.row["version"]
        if (
            due
            and current
            and sent[row["instruction_id"]] + _LONG_BEFORE < ended[row["settlement_calendar"], last]
        ):
            name = f"{picture.names(trade.trade_id)} instruction {row['instruction_id']}"
            statement.expect(f"{name} announced as failing", True, row["instruction_id"] in picture.failing)
    return statement


def books_are_the_models(picture: Picture) -> Statement:
    """Hold each trade's balances and positions against the model's."""
    statement = Statement("balances, positions and cash of every trade equal those of the model")
    lines = by(picture.evidence.ledger.lines, "trade_id")
    movements = by(picture.evidence.ledger.movements, "trade_id")
    for trade in picture.trades.values():
        unheard = picture.held.get("settlement.csd", frozenset())
        if trade.trade_id in picture.held.get("ledger.trades", ()) or unheard & trade.instruction_ids:
            continue
        expected = expected_books(trade.standing, settled_of(trade, picture))
        found = books_of(lines.get(trade.trade_id, ()), movements.get(trade.trade_id, ()))
        name = picture.names(trade.trade_id)
        _compare(statement, f"{name} balance", expected.balances, found.balances)
        _compare(statement, f"{name} position", expected.positions, found.positions)
    return statement


def _compare(statement: Statement, name: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
    for key in sorted(expected.keys() | found.keys()):
        statement.expect(f"{name} {' '.join(key)}", _shown(expected.get(key)), _shown(found.get(key)))


def _shown(value: Decimal | tuple[Decimal, ...] | None) -> str:
    if value is None:
        return "nothing"
    return " / ".join(map(_number, value if isinstance(value, tuple) else (value,)))


def settled_of(trade: TradePicture, picture: Picture) -> Iterable[Settled]:
    """Yield what each instruction of a trade came to, by the CSD's own confirmations."""
    for row in trade.instructions:
        terms = trade.terms.get(row["trade_version"])
        if terms is None:
            continue
        advices = picture.settled.get(row["instruction_id"], [])
        stands = row["trade_version"] == trade.row["version"] and not trade.cancelled
        yield Settled(
            side=Side(terms.side),
            isin=terms.isin,
            currency=terms.currency,
            book=terms.book,
            quantity=terms.quantity,
            amount=terms.net,
            settled_quantity=total([each.quantity for each in advices]),
            settled_amount=total([each.amount for each in advices]),
            fails=stands and row["instruction_id"] in picture.failing,
        )


def books_of(lines: Iterable[Row], movements: Iterable[Row]) -> Books:
    """Return what the ledger's lines and movements sum to."""
    balances: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    positions: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [_ZERO] * 4)
    for row in lines:
        balances[row["account_code"], row["currency"], row["book"]] += row["amount"]
    for row in movements:
        sums = positions[row["book"], row["isin"]]
        for column, name in enumerate(("trade_date", "settled", "unsettled", "failing")):
            sums[column] += row[f"{name}_quantity"]
    return Books(
        balances={key: amount for key, amount in balances.items() if amount},
        positions={key: _four(sums) for key, sums in positions.items() if any(sums)},
    )


def _four(sums: list[Decimal]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    traded, settled, unsettled, failing = sums
    return traded, settled, unsettled, failing


STATEMENTS = (
    captured_as_reported,
    confirmed_as_confirmed,
    settled_as_confirmed,
    fails_are_told,
    books_are_the_models,
)
