"""Control totals and settlement efficiency over HTTP."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from backoffice_chassis import FieldError, Principal, ReportRoute, Router, Unit, invalid, requires
from backoffice_chassis.http.vocabulary import Code, Currency, Day, Figure, Isin
from settlement.controls import repository
from settlement.permissions import READ_SETTLEMENTS

Reader = Annotated[Principal, requires(READ_SETTLEMENTS)]
_LONGEST_DAYS = 366
_PERCENT = Decimal("0.01")

router = Router(tags=["controls"])
totals_router = Router(tags=["controls"], route_class=ReportRoute)


class SettledFilters(BaseModel):
    """Which totals to show; what is not given does not matter."""

    book: Code | None = None
    isin: Isin | None = None
    currency: Currency | None = None


class SettledTotal(BaseModel):
    """What the CSD confirmed as settled, for one book, instrument and currency."""

    book: str
    isin: str
    currency: str
    received_quantity: Figure
    delivered_quantity: Figure
    paid_amount: Figure = Field(description="Paid for what was received.")
    received_amount: Figure = Field(description="Got for what was delivered.")
    instructions: int


class ConfirmationDifference(BaseModel):
    """An instruction that settled anything else than the CSD's confirmations of it add up to."""

    instruction_id: str
    trade_id: str | None = Field(description="Null when there are confirmations and no instruction.")
    settled_quantity: Figure
    settled_amount: Figure
    confirmed_quantity: Figure
    confirmed_amount: Figure


class ControlTotals(BaseModel):
    """Counts of trades, and what settled of them."""

    trades: int
    by_state: dict[str, int]
    instructed: int = Field(description="Trades that an instruction was ever sent for.")
    failing: int
    late: int = Field(description="Trades whose settlement date came while they were not instructed.")
    open_exceptions: dict[str, int]
    confirmations_add_up: bool = Field(
        description="Each instruction settled what the CSD's confirmations on record add up to."
    )
    confirmation_differences: list[ConfirmationDifference] = Field(
        description="The first of those that did not."
    )
    settled: list[SettledTotal]


class Efficiency(BaseModel):
    """How much settled on its intended settlement date, of what was to settle then."""

    settlement_date: date
    settlement_calendar: str
    currency: str
    instructions: int
    settled_on_date: int
    percent_by_count: Figure
    value: Figure
    value_settled_on_date: Figure
    percent_by_value: Figure | None = Field(description="Null when nothing was to be paid.")


@totals_router.get("/control-totals")
async def get_control_totals(
    unit: Unit, _: Reader, wanted: Annotated[SettledFilters, Query()]
) -> ControlTotals:
    """Show the counts of all trades, and the settled totals by book, ISIN and currency."""
    counts = await repository.counts(unit.connection)
    differences = await repository.confirmation_differences(unit.connection)
    settled = await repository.settled(unit.connection, wanted.model_dump(exclude_none=True))
    return ControlTotals.model_validate(
        {
            **counts,
            "confirmations_add_up": not differences,
            "confirmation_differences": differences,
            "settled": settled,
        }
    )


@router.get("/settlement-efficiency")
async def get_settlement_efficiency(
    unit: Unit, _: Reader, first: Day, last: Day, calendar: Code | None = None
) -> list[Efficiency]:
    """Show settlement efficiency by intended settlement date and currency, by count and by value."""
    if not 0 <= (last - first).days <= _LONGEST_DAYS:
        reason = f"must be on or after first, and at most {_LONGEST_DAYS} days after it"
        raise invalid([FieldError("/query/last", reason)])
    rows = await repository.efficiency(unit.connection, first, last, calendar)
    return [
        Efficiency.model_validate(
            {
                **row,
                "percent_by_count": _percent(row["settled_on_date"], row["instructions"]),
                "percent_by_value": _percent(row["value_settled_on_date"], row["value"]),
            }
        )
        for row in rows
    ]


def _percent(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """Return a percentage, rounded half even to two decimals."""
    return (Decimal(part) * 100 / Decimal(whole)).quantize(_PERCENT) if whole else None
