"""The ISO lists that codes are checked against: markets (10383), currencies (4217), countries (3166).

The files are the published lists as of January 2026; `data/README.md` names their sources and licences.
"""

import csv
from functools import cache
from importlib.resources import files


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def markets() -> frozenset[str]:
    """Return every market identifier code that has not expired (ISO 10383)."""
    return frozenset(row["mic"] for row in _rows("iso10383_mic.csv") if row["status"] != "EXPIRED")


@cache
def minor_units() -> dict[str, int]:
    """Return the currencies that money can be held in, with their number of decimals (ISO 4217).

    Metals, the SDR and test codes have no minor unit in the list and are left out.
    """
    rows = _rows("iso4217_currencies.csv")
    return {row["code"]: int(row["minor_units"]) for row in rows if row["minor_units"]}


@cache
def countries() -> frozenset[str]:
    """Return the alpha-2 country codes (ISO 3166), Kosovo's user-assigned XK among them."""
    return frozenset(row["alpha2"] for row in _rows("iso3166_countries.csv"))
