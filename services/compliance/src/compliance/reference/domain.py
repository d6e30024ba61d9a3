"""What compliance keeps of instruments and employees, and what it asks of them."""

from datetime import date
from decimal import Decimal

import msgspec

from backoffice_events.contracts.hr import Employee, EmploymentStatus
from backoffice_events.contracts.vocabulary import InstrumentType


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument on one market. reference_price: in `currency`, None when unknown."""

    isin: str
    mic: str
    version: int
    instrument_type: InstrumentType
    currency: str
    reference_price: Decimal | None
    price_date: date | None


def employment_on(employee: Employee, day: date) -> EmploymentStatus | None:
    """Return the status in force on the day, None before the first one."""
    begun = [step for step in employee.employment if step.effective_from <= day]
    return max(begun, key=lambda step: step.effective_from).status if begun else None


def licensed_on(employee: Employee, product: InstrumentType, day: date) -> bool:
    """Tell whether the employee may trade the product on the day."""
    return any(
        licence.product == product
        and licence.valid_from <= day
        and (licence.valid_to is None or day <= licence.valid_to)
        for licence in employee.licences
    )
