"""What a queued message counts as in the measures of straight-through processing, as far as it can be read."""

from datetime import date
from decimal import Decimal

from msgspec import UNSET, Struct

from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture import standards
from trade_capture.reference.domain import Instrument, ReferenceData
from trade_capture.trades.domain import Legible
from trade_capture.trades.domain.checks import number_faults
from trade_capture.trades.domain.numbers import gross_amount, number_fault


class Measured(Struct, frozen=True):
    """trade_date, currency: as stated. value: the gross amount that quantity and price come to."""

    trade_date: date | None = None
    currency: str | None = None
    value: Decimal | None = None


def measured(stated: Legible | None, reference: ReferenceData) -> Measured:
    """Return what a message counts as; a bust, which states no terms, as nothing."""
    if stated is None:
        return Measured()
    trade_date = None if stated.trade_date is UNSET else stated.trade_date
    return Measured(trade_date, _currency(stated), _value(stated, reference))


def business_date(stated: Legible | None, reference: ReferenceData) -> date | None:
    """Return the firm's day at this moment for a message that may not state its own, None before any was opened.

    It is the day open on the calendar that its market settles by, or closed last while none is open. Where the market
    cannot be told, it is the latest of all calendars' days: one that stands still for a holiday is behind the others.
    """
    mic = None if stated is None or stated.mic is UNSET else stated.mic
    calendars = set() if mic is None else reference.calendars_of(mic)
    days = reference.business_days
    of_market = [days[code].business_date for code in calendars if code in days]
    return max(of_market or [day.business_date for day in days.values()], default=None)


def _currency(stated: Legible) -> str | None:
    currency = stated.currency
    return currency if currency is not UNSET and len(currency) == 3 and currency.isalpha() else None


def _value(stated: Legible, reference: ReferenceData) -> Decimal | None:
    quantity, price, currency = stated.quantity, stated.price, stated.currency
    if quantity is UNSET or price is UNSET or currency is UNSET:
        return None
    minor_units = standards.minor_units().get(currency)
    unsound = {"quantity", "price"} & {fault.field for fault in number_faults(stated, None)}
    if minor_units is None or unsound:
        return None
    value = gross_amount(quantity, price, _instrument_type(stated, reference), minor_units)
    return None if number_fault(value) else value


def _instrument_type(stated: Legible, reference: ReferenceData) -> InstrumentType:
    """Return the type on record, or else the one that the terms are a sign of: bonds alone state accrued interest."""
    instrument = _instrument(stated, reference)
    if instrument is not None:
        return instrument.instrument_type
    return InstrumentType.EQUITY if stated.accrued_interest is None else InstrumentType.BOND


def _instrument(stated: Legible, reference: ReferenceData) -> Instrument | None:
    if stated.isin is UNSET or stated.mic is UNSET:
        return None
    return reference.instrument(stated.isin, stated.mic)
