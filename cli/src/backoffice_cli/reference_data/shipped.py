"""Rows made of the files that the product ships."""

import csv
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_FIRST_DAY, _LAST_DAY = "2021-01-01", "2028-12-31"
_LONGEST_NAME = 140
_TREASURY_MARKET = "BTEC"
_TREASURY_CFI = "DBFTFR"
"""Bond, fixed rate, guaranteed by the government, fixed maturity, registered (ISO 10962)."""
_TAPE_DATE = "2024-08-08"

_CALENDAR_SOURCES = {
    "US": ("US securities: neither an exchange holiday nor a Fedwire holiday", ("XNYS", "FED")),
    "FED": ("US government securities: Fedwire", ("FED",)),
    "TARGET": ("Euro: T2", ("TARGET",)),
    "GB": ("Sterling: London", ("XLON",)),
}
CALENDARS = tuple(_CALENDAR_SOURCES)
"""The settlement calendars that the firm keeps a business day on."""


@dataclass(frozen=True, slots=True)
class Market:
    """How a market settles. cycles: (first trade date, days)."""

    mics: tuple[str, ...]
    currency: str
    calendar: str
    place_of_settlement: str
    instrument_types: tuple[str, ...]
    cycles: tuple[tuple[str, int], ...]


_SECURITIES = ("EQUITY", "ETF")
# 17 CFR 240.15c6-1: T+2 from 2017-09-05, T+1 from 2024-05-28.
_US = (("2017-09-05", 2), ("2024-05-28", 1))
# CSDR article 5: T+2 since 2014-10-06 (Spain: 2016), T+1 from 2027-10-11; the United Kingdom likewise.
_EUROPE = (("2016-10-03", 2), ("2027-10-11", 1))


def _euro(mic: str, place_of_settlement: str) -> Market:
    return Market((mic,), "EUR", "TARGET", place_of_settlement, _SECURITIES, _EUROPE)


MARKETS = (
    Market(("XNYS", "XNAS", "ARCX", "BATS", "XASE"), "USD", "US", "DTCYUS33XXX", _SECURITIES, _US),
    Market((_TREASURY_MARKET,), "USD", "FED", "FRNYUS33XXX", ("BOND",), (("2017-09-05", 1),)),
    Market(("XLON",), "GBP", "GB", "CRSTGB22XXX", _SECURITIES, _EUROPE),
    _euro("XETR", "DAKVDEFFXXX"),
    _euro("XPAR", "SICVFRPPXXX"),
    _euro("XAMS", "NECINL2AXXX"),
    _euro("XBRU", "CIKBBEBBXXX"),
    _euro("XLIS", "IOTCPTPLXXX"),
    _euro("XMIL", "MOTIITMMXXX"),
    _euro("XMAD", "IBRCESMMXXX"),
    _euro("XWBO", "OCSDATWWXXX"),
    _euro("XHEL", "APKEFIHHXXX"),
    _euro("XDUB", "MGTCBEBEXXX"),
)


def calendars(data: Path) -> list[Row]:
    """Return the settlement calendars with their weekday closures."""
    closures = [(row["calendar"], row["date"]) for row in _csv(data / "calendars/holidays_2021_2028.csv")]
    return [
        {
            "calendar": code,
            "name": name,
            "valid_from": _FIRST_DAY,
            "valid_to": _LAST_DAY,
            "closures": sorted({day for calendar, day in closures if calendar in sources}),
        }
        for code, (name, sources) in _CALENDAR_SOURCES.items()
    ]


def settlement_cycles() -> list[Row]:
    """Return how each market settles each kind of instrument, and since when."""
    return [
        {
            "mic": mic,
            "instrument_type": instrument_type,
            "effective_from": effective_from,
            "days": days,
            "settlement_calendar": market.calendar,
            "place_of_settlement": market.place_of_settlement,
        }
        for market in MARKETS
        for mic in market.mics
        for instrument_type in market.instrument_types
        for effective_from, days in market.cycles
    ]


def instruments(data: Path) -> list[Row]:
    """Return shares, ETFs and Treasuries, one row for each listing.

    Where a market quotes one ISIN in several currencies, the market's own currency is taken. Those that the tape is
    mapped onto get the price that its first trade is mapped to.
    """
    prices = {(row["isin"], row["mic"]): row["reference_price"] for row in mapping(data)}
    found: dict[tuple[str, str], Row] = {}
    for row in sorted(_listings(data), key=_rank):
        found.setdefault((row["isin"], row["mic"]), row)
    for key, price in prices.items():
        if key[1] != _TREASURY_MARKET:
            found[key].update(reference_price=price, price_date=_TAPE_DATE)
    return [*found.values(), *_treasuries(data)]


def counterparties(data: Path) -> list[Row]:
    """Return the market operators, brokers and systematic internalisers of which a BIC is known."""
    return [
        {
            "lei": row["lei"],
            "name": _name(row)[:_LONGEST_NAME],
            "bic": row["bic"],
            "country": row["country_gleif"] or None,
        }
        for row in _csv(data / "parties/venue_operators_and_brokers.csv")
        if row["bic"]
    ]


def _name(party: Mapping[str, str]) -> str:
    """Return the legal name, or the one in the register of markets where that alone is in Latin letters.

    Sanctions lists are compared in those; a name that cannot be compared holds every trade.
    """
    names = [name for name in (party["name_gleif"], party["name"]) if name]
    return next((name for name in names if all(map(_is_latin, name))), names[0])


def _is_latin(character: str) -> bool:
    return not character.isalpha() or unicodedata.name(character, "").startswith("LATIN")


def mapping(data: Path) -> Sequence[dict[str, str]]:
    """Return onto which instruments the tape's symbols are mapped."""
    return list(_csv(data / "tape/mapping.csv"))


def _listings(data: Path) -> Iterator[Row]:
    for row in _csv(data / "instruments/listings.csv"):
        yield {
            "isin": row["isin"],
            "mic": row["mic"],
            "name": row["name"][:_LONGEST_NAME],
            "cfi": row["cfi"],
            "instrument_type": row["type"],
            "currency": row["currency"],
        }


def _rank(row: Row) -> bool:
    """Sort listings in their market's own currency first."""
    own = {mic: market.currency for market in MARKETS for mic in market.mics}
    return bool(own.get(row["mic"], row["currency"]) != row["currency"])


def _treasuries(data: Path) -> Iterator[Row]:
    for row in _csv(data / "instruments/us_treasuries_2024-06-26.csv"):
        yield {
            "isin": row["isin"],
            "mic": _TREASURY_MARKET,
            "name": row["name"],
            "cfi": _TREASURY_CFI,
            "instrument_type": "BOND",
            "currency": row["currency"],
            "reference_price": row["buy_price"],
            "price_date": row["price_date"],
        }


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
