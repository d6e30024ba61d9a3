"""Why a trade cannot be taken in: a code for the queue, the field at fault, and words that say what to do."""

from enum import StrEnum

import msgspec

_LONGEST_SHOWN = 60
_LONGEST_MESSAGE = 300


class ReasonCode(StrEnum):
    """Stable codes by which operations filter the repair queue."""

    MISSING_FIELD = "MISSING_FIELD"
    MALFORMED_FIELD = "MALFORMED_FIELD"
    INVALID_VERSION = "INVALID_VERSION"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    INACTIVE_INSTRUMENT = "INACTIVE_INSTRUMENT"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    UNKNOWN_COUNTERPARTY = "UNKNOWN_COUNTERPARTY"
    INACTIVE_COUNTERPARTY = "INACTIVE_COUNTERPARTY"
    UNKNOWN_BOOK = "UNKNOWN_BOOK"
    INACTIVE_BOOK = "INACTIVE_BOOK"
    UNKNOWN_TRADER = "UNKNOWN_TRADER"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    INVALID_PRICE = "INVALID_PRICE"
    INVALID_CHARGE = "INVALID_CHARGE"
    INVALID_ACCRUED_INTEREST = "INVALID_ACCRUED_INTEREST"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_TRADE_DATE = "INVALID_TRADE_DATE"
    TRADE_DATE_IN_FUTURE = "TRADE_DATE_IN_FUTURE"
    TRADE_DATE_TOO_OLD = "TRADE_DATE_TOO_OLD"
    INVALID_EXECUTION_TIME = "INVALID_EXECUTION_TIME"
    INVALID_SETTLEMENT_DATE = "INVALID_SETTLEMENT_DATE"
    NO_SETTLEMENT_CYCLE = "NO_SETTLEMENT_CYCLE"
    NO_BUSINESS_DAY = "NO_BUSINESS_DAY"
    MISSING_SETTLEMENT_INSTRUCTION = "MISSING_SETTLEMENT_INSTRUCTION"
    PREDECESSOR_MISSING = "PREDECESSOR_MISSING"
    CONFLICTING_RESEND = "CONFLICTING_RESEND"
    TRADE_CANCELLED = "TRADE_CANCELLED"
    NOTHING_TO_CANCEL = "NOTHING_TO_CANCEL"


class Reason(msgspec.Struct, frozen=True):
    """One thing that is wrong. field: its name in the front office's message. message: what would be right."""

    code: ReasonCode
    field: str
    message: str


def plain(message: str) -> str:
    """Return a reader's message as it may be kept: it may quote a sender's value, so escaped and not too long."""
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in message[:_LONGEST_MESSAGE])
    return text if len(message) <= _LONGEST_MESSAGE else f"{text}…"


def shown(value: object) -> str:
    """Return a sender's value as a message may carry it: quoted, control characters escaped, and not too long."""
    text, quote = (ascii(value), ascii(value)[-1]) if isinstance(value, str) else (str(value), "")
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…{quote}"
