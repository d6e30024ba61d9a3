"""Country names as the lists write them.

`countries.csv` holds the ISO 3166 names (package iso3166, MIT) and the variants that OFAC and the UN use
beside them.
"""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def _by_name() -> dict[str, str]:
    text = (files(__package__) / "countries.csv").read_text(encoding="utf-8")
    return {row["name"].casefold(): row["alpha2"] for row in csv.DictReader(text.splitlines())}


def alpha2(name: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country, None for a name that is none."""
    return _by_name().get(name.strip().casefold())


def names() -> Iterable[str]:
    """Return every name that a country goes by, in lower case."""
    return _by_name().keys()
