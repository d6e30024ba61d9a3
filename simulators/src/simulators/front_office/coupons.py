"""Accrued interest of US Treasury notes and bonds: semi-annual coupons, actual/actual (31 CFR 356 appendix B)."""

import calendar
import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

_MONTHS_BETWEEN_COUPONS = 6


@dataclass(frozen=True, slots=True)
class Bond:
    """A bond. coupon: in per cent a year."""

    coupon: Decimal
    maturity: date


def read_bonds(data: Path) -> dict[str, Bond]:
    """Return the Treasuries that ship, by ISIN."""
    with (data / "instruments" / "us_treasuries_2024-06-26.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["isin"]: Bond(Decimal(row["coupon_pct"]), date.fromisoformat(row["maturity"]))
            for row in csv.DictReader(file)
        }


def accrued_interest(bond: Bond, settlement_date: date) -> Decimal:
    """Return the interest since the last coupon, per 100 of face."""
    following = bond.maturity
    months = 0
    while (last := _months_before(bond.maturity, months + _MONTHS_BETWEEN_COUPONS)) > settlement_date:
        following, months = last, months + _MONTHS_BETWEEN_COUPONS
    period = Decimal((following - last).days)
    return bond.coupon / 2 * Decimal((settlement_date - last).days) / period


def _months_before(maturity: date, months: int) -> date:
    """A bond that matures at a month's end pays at months' ends."""
    index = maturity.year * 12 + maturity.month - 1 - months
    year, month = index // 12, index % 12 + 1
    last = calendar.monthrange(year, month)[1]
    ends_month = maturity.day == calendar.monthrange(maturity.year, maturity.month)[1]
    return date(year, month, last if ends_month else min(maturity.day, last))
