"""What a record must satisfy to be taken in: every fault of it at once."""

import re
from datetime import date
from decimal import Decimal
from itertools import pairwise

from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture.reference.domain.faults import Fault
from trade_capture.reference.domain.identifiers import (
    bic_fault,
    cfi_fault,
    country_fault,
    currency_fault,
    isin_fault,
    lei_fault,
    mic_fault,
)
from trade_capture.reference.domain.records import (
    Book,
    Calendar,
    Counterparty,
    Instrument,
    SettlementCycle,
    SettlementInstruction,
)

_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,19}")
_CFI_CATEGORIES = {InstrumentType.EQUITY: "E", InstrumentType.ETF: "C", InstrumentType.BOND: "D"}
_LONGEST_CYCLE_DAYS = 10
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)


def instrument_faults(instrument: Instrument) -> list[Fault]:
    """Return what is wrong with an instrument."""
    category = _CFI_CATEGORIES[instrument.instrument_type]
    return _found(
        ("isin", isin_fault(instrument.isin)),
        ("mic", mic_fault(instrument.mic)),
        ("currency", currency_fault(instrument.currency)),
        ("cfi", cfi_fault(instrument.cfi) or _category_fault(instrument.cfi, category)),
        ("price_date", _price_date_fault(instrument.reference_price, instrument.price_date)),
    )


def counterparty_faults(counterparty: Counterparty) -> list[Fault]:
    """Return what is wrong with a counterparty."""
    country = counterparty.country
    return _found(
        ("lei", lei_fault(counterparty.lei)),
        ("bic", bic_fault(counterparty.bic)),
        ("country", country_fault(country) if country is not None else None),
    )


def book_faults(book: Book) -> list[Fault]:
    """Return what is wrong with a book."""
    return _found(("book", _code_fault(book.book)), ("entity_lei", lei_fault(book.entity_lei)))


def settlement_instruction_faults(instruction: SettlementInstruction) -> list[Fault]:
    """Return what is wrong with a standing settlement instruction."""
    return _found(
        ("party", lei_fault(instruction.party)),
        ("place_of_settlement", bic_fault(instruction.place_of_settlement)),
        ("currency", currency_fault(instruction.currency)),
        ("agent_bic", bic_fault(instruction.agent_bic)),
    )


def settlement_cycle_faults(cycle: SettlementCycle) -> list[Fault]:
    """Return what is wrong with a settlement cycle."""
    days_fault = f"a cycle has 0 to {_LONGEST_CYCLE_DAYS} settlement days"
    return _found(
        ("mic", mic_fault(cycle.mic)),
        ("days", None if 0 <= cycle.days <= _LONGEST_CYCLE_DAYS else days_fault),
        ("settlement_calendar", _code_fault(cycle.settlement_calendar)),
        ("place_of_settlement", bic_fault(cycle.place_of_settlement)),
    )


def calendar_faults(calendar: Calendar) -> list[Fault]:
    """Return what is wrong with a calendar."""
    order_fault = "must be later than valid_from"
    return _found(
        ("calendar", _code_fault(calendar.calendar)),
        ("valid_from", None if calendar.valid_from >= _FIRST_DAY else f"must be {_FIRST_DAY} or later"),
        ("valid_to", None if calendar.valid_to <= _LAST_DAY else f"must be {_LAST_DAY} or earlier"),
        ("valid_to", None if calendar.valid_from < calendar.valid_to else order_fault),
        ("closures", _closures_fault(calendar)),
    )


def _found(*checks: tuple[str, str | None]) -> list[Fault]:
    return [Fault(field, reason) for field, reason in checks if reason is not None]


def _code_fault(value: str) -> str | None:
    return None if _CODE.fullmatch(value) else "a code has 1 to 20 capital letters, digits, dots or dashes"


def _category_fault(cfi: str, category: str) -> str | None:
    return None if cfi[0] == category else f"the CFI code of this instrument type begins with {category}"


def _price_date_fault(price: Decimal | None, price_date: date | None) -> str | None:
    if (price is None) == (price_date is None):
        return None
    return "a reference price and its date come together"


def _closures_fault(calendar: Calendar) -> str | None:
    closures = calendar.closures
    outside = [day for day in closures if not calendar.valid_from <= day <= calendar.valid_to]
    if outside:
        return f"{outside[0]} is not between valid_from and valid_to"
    if any(later <= earlier for earlier, later in pairwise(closures)):
        return "closures must rise, each date once"
    return None
