"""Broken reports, as they come in practice: each kind takes a good record and breaks one thing in it."""

import json
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from backoffice_events.records import Record

Break = Callable[[Record], Record]
Document = dict[str, Any]


def _stating(**fields: Any) -> Break:
    """Return what makes a report state other values."""

    def apply(record: Record) -> Record:
        return _rewritten(record, lambda document: {**document, **fields})

    return apply


def _without(field: str) -> Break:
    def apply(record: Record) -> Record:
        return _rewritten(record, lambda document: {k: v for k, v in document.items() if k != field})

    return apply


def _rewritten(record: Record, change: Callable[[Document], Document]) -> Record:
    return replace(record, value=json.dumps(change(json.loads(record.value or b"{}"))).encode())


def _negative_quantity(record: Record) -> Record:
    return _rewritten(record, lambda document: {**document, "quantity": f"-{document['quantity']}"})


def _cut_off(record: Record) -> Record:
    return replace(record, value=(record.value or b"")[:-20])


def _bare_nan(record: Record) -> Record:
    price = json.loads(record.value or b"{}")["price"]
    return replace(record, value=(record.value or b"").replace(f'"{price}"'.encode(), b"NaN", 1))


def _nul_character(record: Record) -> Record:
    return _rewritten(record, lambda document: {**document, "book": "EQ\0US"})


def _no_type(record: Record) -> Record:
    return replace(record, headers=[each for each in record.headers if each[0] != "ce_type"])


def _unknown_type(record: Record) -> Record:
    unknown = b"backoffice.frontoffice.trade-executed.v9"
    return replace(
        record, headers=[(name, unknown if name == "ce_type" else value) for name, value in record.headers]
    )


def _no_key(record: Record) -> Record:
    return replace(record, key=None)


def _not_utf8(record: Record) -> Record:
    return replace(record, value=(record.value or b"").replace(b'"mic":"', b'"mic":"\xff\xfe', 1))


BAD_DATA: dict[str, Break] = {
    "unknown-instrument": _stating(isin="US0000000001", mic="XNAS"),
    "wrong-check-digit": _stating(isin="US0378331009"),
    "unknown-market": _stating(mic="QQQQ"),
    "wrong-currency": _stating(currency="JPY"),
    "unknown-counterparty": _stating(counterparty_lei="TESTNOBODYKNOWS00034"),
    "unknown-book": _stating(book="NO-SUCH-BOOK"),
    "unknown-trader": _stating(trader="E99999"),
    "negative-quantity": _negative_quantity,
    "zero-price": _stating(price="0"),
    "trade-date-in-future": _stating(trade_date="2028-03-01"),
    "settles-on-a-sunday": _stating(settlement_date="2024-08-18"),
    "nan-price": _stating(price="NaN"),
    "bare-nan-price": _bare_nan,
    "huge-price": _stating(price="9" * 40),
    "price-is-a-list": _stating(price=[1, 2]),
    "unknown-side": _stating(side="HOLD"),
    "missing-quantity": _without("quantity"),
    "oversize-text": _stating(book="B" * 100_000),
    "nul-character": _nul_character,
    "not-utf8": _not_utf8,
    "cut-off": _cut_off,
    "missing-type": _no_type,
    "unknown-type": _unknown_type,
    "missing-key": _no_key,
}
"""What can be wrong with a report, by name."""
