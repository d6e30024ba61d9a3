"""What no public source gives away, made up the same way each time: accounts, books, people."""

import csv
import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backoffice_cli.reference_data.shipped import MARKETS, Row

OWN_LEI = "TESTBACKOFFICE000063"
"""A test identifier: its check digits are right, but no LEI issuer has the prefix TEST."""

_SINCE = "2020-01-01"
# Custodians and banks that really act as settlement agents there; the accounts at them are made up.
_AGENTS = {
    "USD": ("IRVTUS3NXXX", "SBOSUS33XXX", "PARSUS31XXX"),
    "EUR": ("PARBFRPPXXX", "ISAEFRPPXXX", "IRVTBEBBXXX"),
    "GBP": ("SGWLGB22XXX",),
}
_BOOKS = (
    ("EQ-US-1", "US equities, trading", "FVTPL"),
    ("EQ-US-2", "US equities, facilitation", "FVTPL"),
    ("EQ-EU-1", "European equities, trading", "FVTPL"),
    ("EQ-UK-1", "UK equities, trading", "FVTPL"),
    ("ETF-1", "Exchange-traded funds, market making", "FVTPL"),
    ("RATES-1", "Government bonds, liquidity reserve", "FVOCI"),
)
_DEPARTMENTS = (("Trading", 16), ("Operations", 14), ("Finance", 10), ("Compliance", 6), ("HR", 4))
_TRADES = "Trading"
_LEAVERS = 2
_SEED = 20240808


def books() -> list[Row]:
    """Return the firm's trading books."""
    return [
        {"book": book, "name": name, "entity_lei": OWN_LEI, "measurement": measurement}
        for book, name, measurement in _BOOKS
    ]


def settlement_instructions(parties: Sequence[str]) -> list[Row]:
    """Return an instruction for us and for each party at every place where our markets settle."""
    places = sorted({(market.place_of_settlement, market.currency) for market in MARKETS})
    return [
        _instruction(party, place, currency) for party in (OWN_LEI, *parties) for place, currency in places
    ]


def _instruction(party: str, place: str, currency: str) -> Row:
    digest = hashlib.sha256(f"{party}:{place}:{currency}".encode()).digest()
    agents = _AGENTS[currency]
    number = int.from_bytes(digest[:6], "big") % 10**10
    return {
        "party": party,
        "place_of_settlement": place,
        "currency": currency,
        "agent_bic": agents[digest[6] % len(agents)],
        "safekeeping_account": f"TEST-S-{number:010d}",
        "cash_account": f"TEST-C-{number:010d}",
        "effective_from": _SINCE,
    }


def employees(data: Path) -> list[Row]:
    """Return people with names drawn from the census; the traders are licensed, every second one for bonds too."""
    draw = random.Random(_SEED)  # noqa: S311  made-up people, not secrets
    first = _names(data / "people/us_census_1990_female_first.csv", 300)
    first += _names(data / "people/us_census_1990_male_first.csv", 300)
    last = _names(data / "people/us_census_1990_surnames.csv", 2_000)
    people = []
    for number, department in enumerate(_places(), start=1):
        hired_on = f"{draw.randint(2010, 2023)}-{draw.randint(1, 12):02d}-01"
        people.append(
            {
                "employee_id": f"E{number:05d}",
                "given_name": draw.choice(first),
                "family_name": draw.choice(last),
                "department": department,
                "hired_on": hired_on,
                "licences": [
                    {"product": product, "valid_from": hired_on} for product in _products(number, department)
                ],
            }
        )
    return people


def _products(number: int, department: str) -> tuple[str, ...]:
    if department != _TRADES:
        return ()
    return ("EQUITY", "ETF", "BOND") if number % 2 else ("EQUITY", "ETF")


def leavers(people: Sequence[Row]) -> list[str]:
    """Return the traders who left before the tape begins: whose trades compliance has to hold."""
    traders = [person["employee_id"] for person in people if person["department"] == _TRADES]
    return traders[-_LEAVERS:]


def _places() -> Iterator[str]:
    for department, number in _DEPARTMENTS:
        yield from [department] * number


def _names(path: Path, most: int) -> list[Any]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["name"] for row, _ in zip(csv.DictReader(file), range(most), strict=False)]
