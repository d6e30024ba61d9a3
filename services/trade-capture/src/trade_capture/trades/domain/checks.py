"""Checks of stated terms that need no more than the terms and the parties they name."""

from collections.abc import Iterator
from datetime import timedelta

from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture.reference.domain import Book, Counterparty, Instrument, ReferenceData
from trade_capture.reference.domain.identifiers import isin_fault, lei_fault
from trade_capture.trades.domain.numbers import number_fault
from trade_capture.trades.domain.reasons import Reason, ReasonCode, shown

Terms = TradeExecuted | TradeCorrected

_MOST_CHARGES = 20
_ONE_DAY = timedelta(days=1)


def instrument_faults(terms: Terms, instrument: Instrument | None) -> Iterator[Reason]:
    """Yield what is wrong with the instrument, its listing and the currency traded in."""
    if instrument is None:
        hint = isin_fault(terms.isin) or "load the listing, then resubmit"
        message = f"{shown(terms.isin)} is not on record on market {shown(terms.mic)}: {hint}"
        yield Reason(ReasonCode.UNKNOWN_INSTRUMENT, "isin", message)
        return
    if not instrument.active:
        message = f"{terms.isin} is not active on market {terms.mic}"
        yield Reason(ReasonCode.INACTIVE_INSTRUMENT, "isin", message)
    if instrument.currency != terms.currency:
        message = (
            f"{terms.isin} trades in {instrument.currency} on {terms.mic}, not in {shown(terms.currency)}"
        )
        yield Reason(ReasonCode.WRONG_CURRENCY, "currency", message)


def party_faults(
    terms: Terms, counterparty: Counterparty | None, book: Book | None, reference: ReferenceData
) -> Iterator[Reason]:
    """Yield what is wrong with the counterparty, the book and the trader."""
    if counterparty is None:
        hint = lei_fault(terms.counterparty_lei) or "load the counterparty, then resubmit"
        message = f"counterparty {shown(terms.counterparty_lei)} is not on record: {hint}"
        yield Reason(ReasonCode.UNKNOWN_COUNTERPARTY, "counterparty_lei", message)
    elif not counterparty.active:
        message = f"counterparty {counterparty.lei} is not active"
        yield Reason(ReasonCode.INACTIVE_COUNTERPARTY, "counterparty_lei", message)
    if book is None:
        message = f"book {shown(terms.book)} is not on record: load it, or name the right one"
        yield Reason(ReasonCode.UNKNOWN_BOOK, "book", message)
    elif not book.active:
        yield Reason(ReasonCode.INACTIVE_BOOK, "book", f"book {book.book} is not active")
    if not reference.employee_known(terms.trader):
        message = (
            f"trader {shown(terms.trader)} is no employee HR has told of: name the right one, or wait for HR"
        )
        yield Reason(ReasonCode.UNKNOWN_TRADER, "trader", message)


def number_faults(terms: Terms, instrument: Instrument | None) -> Iterator[Reason]:
    """Yield what is wrong with quantity, price, charges and accrued interest."""
    fault = number_fault(terms.quantity) or (None if terms.quantity > 0 else "must be greater than 0")
    if fault:
        yield Reason(ReasonCode.INVALID_QUANTITY, "quantity", f"quantity {fault}")
    fault = number_fault(terms.price) or (None if terms.price > 0 else "must be greater than 0")
    if fault:
        yield Reason(ReasonCode.INVALID_PRICE, "price", f"price {fault}")
    if terms.charges:
        yield from _charge_faults(terms)
    yield from _accrued_interest_faults(terms, instrument)


def _charge_faults(terms: Terms) -> Iterator[Reason]:
    if len(terms.charges) > _MOST_CHARGES:
        message = f"at most {_MOST_CHARGES} charges, not {len(terms.charges)}: sum them by type"
        yield Reason(ReasonCode.INVALID_CHARGE, "charges", message)
        return
    for position, charge in enumerate(terms.charges):
        fault = number_fault(charge.amount) or (None if charge.amount >= 0 else "must not be negative")
        if fault:
            field = f"charges[{position}].amount"
            yield Reason(ReasonCode.INVALID_CHARGE, field, f"the {charge.type} {fault}")


def _accrued_interest_faults(terms: Terms, instrument: Instrument | None) -> Iterator[Reason]:
    accrued = terms.accrued_interest
    if accrued is not None and (fault := number_fault(accrued)):
        yield _accrued(f"accrued interest {fault}")
    if instrument is None:
        return
    if instrument.instrument_type is InstrumentType.BOND:
        if accrued is None:
            yield _accrued(
                "a bond needs its accrued interest to settlement date: state it, 0 if there is none"
            )
    elif accrued:
        yield _accrued(f"only bonds accrue interest, and {terms.isin} is {instrument.instrument_type}")


def _accrued(message: str) -> Reason:
    return Reason(ReasonCode.INVALID_ACCRUED_INTEREST, "accrued_interest", message)


def execution_time_faults(terms: Terms) -> Iterator[Reason]:
    """Yield what is wrong with the time of execution: it is UTC and the trade date local, so a day apart at most."""
    executed_at = terms.executed_at
    if executed_at.tzinfo is None:
        message = "executed_at needs an offset from UTC, such as Z"
        yield Reason(ReasonCode.INVALID_EXECUTION_TIME, "executed_at", message)
    elif not -_ONE_DAY <= executed_at.date() - terms.trade_date <= _ONE_DAY:
        message = f"executed_at must lie within a day of the trade date {terms.trade_date}, not on {executed_at.date()}"
        yield Reason(ReasonCode.INVALID_EXECUTION_TIME, "executed_at", message)
