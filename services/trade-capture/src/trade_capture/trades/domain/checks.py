"""Checks of stated terms that need no more than the terms and the parties they name.

Each judges the fields that can be read, and says nothing about what it would need another for.
"""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import UNSET

from backoffice_events.contracts.vocabulary import Charge, InstrumentType
from trade_capture.reference.domain import Book, Counterparty, Instrument, ReferenceData
from trade_capture.reference.domain.identifiers import currency_fault, isin_fault, lei_fault
from trade_capture.trades.domain.numbers import number_fault
from trade_capture.trades.domain.reasons import Reason, ReasonCode, shown
from trade_capture.trades.domain.terms import Stated

_MOST_CHARGES = 20
_ONE_DAY = timedelta(days=1)


def instrument_faults(
    stated: Stated, instrument: Instrument | None, reference: ReferenceData
) -> Iterator[Reason]:
    """Yield what is wrong with the instrument, its listing and the currency traded in."""
    if instrument is None:
        yield from _unlisted_faults(stated, reference)
        return
    if not instrument.active:
        message = f"{instrument.isin} is not active on market {instrument.mic}"
        yield Reason(ReasonCode.INACTIVE_INSTRUMENT, "isin", message)
    if stated.currency != instrument.currency and stated.currency is not UNSET:
        message = (
            f"{instrument.isin} trades in {instrument.currency} on {instrument.mic},"
            f" not in {shown(stated.currency)}"
        )
        yield Reason(ReasonCode.WRONG_CURRENCY, "currency", message)


def _unlisted_faults(stated: Stated, reference: ReferenceData) -> Iterator[Reason]:
    """Yield what is wrong where no listing is known: on no market, where the market cannot be read."""
    isin, mic, currency = stated.isin, stated.mic, stated.currency
    if isin is not UNSET and (mic is not UNSET or not reference.lists(isin)):
        where = "any market" if mic is UNSET else f"market {shown(mic)}"
        hint = isin_fault(isin) or "load the listing, then resubmit"
        message = f"{shown(isin)} is not on record on {where}: {hint}"
        yield Reason(ReasonCode.UNKNOWN_INSTRUMENT, "isin", message)
    if currency is not UNSET and (fault := currency_fault(currency)):
        yield Reason(ReasonCode.WRONG_CURRENCY, "currency", f"{shown(currency)} is {fault}")


def party_faults(
    stated: Stated, counterparty: Counterparty | None, book: Book | None, reference: ReferenceData
) -> Iterator[Reason]:
    """Yield what is wrong with the counterparty, the book and the trader."""
    yield from _counterparty_faults(stated, counterparty)
    if book is None:
        if stated.book is not UNSET:
            message = f"book {shown(stated.book)} is not on record: load it, or name the right one"
            yield Reason(ReasonCode.UNKNOWN_BOOK, "book", message)
    elif not book.active:
        yield Reason(ReasonCode.INACTIVE_BOOK, "book", f"book {book.book} is not active")
    trader = stated.trader
    if trader is not UNSET and not reference.employee_known(trader):
        message = f"trader {shown(trader)} is no employee HR has told of: name the right one, or wait for HR"
        yield Reason(ReasonCode.UNKNOWN_TRADER, "trader", message)


def _counterparty_faults(stated: Stated, counterparty: Counterparty | None) -> Iterator[Reason]:
    if counterparty is None:
        if (lei := stated.counterparty_lei) is not UNSET:
            hint = lei_fault(lei) or "load the counterparty, then resubmit"
            message = f"counterparty {shown(lei)} is not on record: {hint}"
            yield Reason(ReasonCode.UNKNOWN_COUNTERPARTY, "counterparty_lei", message)
    elif not counterparty.active:
        message = f"counterparty {counterparty.lei} is not active"
        yield Reason(ReasonCode.INACTIVE_COUNTERPARTY, "counterparty_lei", message)


def number_faults(stated: Stated, instrument: Instrument | None) -> Iterator[Reason]:
    """Yield what is wrong with quantity, price, charges and accrued interest."""
    quantity, price, charges = stated.quantity, stated.price, stated.charges
    if quantity is not UNSET:
        fault = number_fault(quantity) or (None if quantity > 0 else "must be greater than 0")
        if fault:
            yield Reason(ReasonCode.INVALID_QUANTITY, "quantity", f"quantity {fault}")
    if price is not UNSET:
        fault = number_fault(price) or (None if price > 0 else "must be greater than 0")
        if fault:
            yield Reason(ReasonCode.INVALID_PRICE, "price", f"price {fault}")
    if charges is not UNSET and charges:
        yield from _charge_faults(charges)
    yield from _accrued_interest_faults(stated, instrument)


def _charge_faults(charges: tuple[Charge, ...]) -> Iterator[Reason]:
    if len(charges) > _MOST_CHARGES:
        message = f"at most {_MOST_CHARGES} charges, not {len(charges)}: sum them by type"
        yield Reason(ReasonCode.INVALID_CHARGE, "charges", message)
        return
    for position, charge in enumerate(charges):
        fault = number_fault(charge.amount) or (None if charge.amount >= 0 else "must not be negative")
        if fault:
            field = f"charges[{position}].amount"
            yield Reason(ReasonCode.INVALID_CHARGE, field, f"the {charge.type} {fault}")


def _accrued_interest_faults(stated: Stated, instrument: Instrument | None) -> Iterator[Reason]:
    accrued = stated.accrued_interest
    if accrued is UNSET:
        return
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
        yield _accrued(f"only bonds accrue interest, and {instrument.isin} is {instrument.instrument_type}")


def _accrued(message: str) -> Reason:
    return Reason(ReasonCode.INVALID_ACCRUED_INTEREST, "accrued_interest", message)


def execution_time_faults(stated: Stated) -> Iterator[Reason]:
    """Yield what is wrong with the time of execution: it is UTC and the trade date local, so a day apart at most."""
    executed_at, trade_date = stated.executed_at, stated.trade_date
    if executed_at is UNSET:
        return
    if executed_at.tzinfo is None:
        message = "executed_at needs an offset from UTC, such as Z"
        yield Reason(ReasonCode.INVALID_EXECUTION_TIME, "executed_at", message)
    elif trade_date is not UNSET and not -_ONE_DAY <= executed_at.date() - trade_date <= _ONE_DAY:
        message = (
            f"executed_at must lie within a day of the trade date {trade_date}, not on {executed_at.date()}"
        )
        yield Reason(ReasonCode.INVALID_EXECUTION_TIME, "executed_at", message)
