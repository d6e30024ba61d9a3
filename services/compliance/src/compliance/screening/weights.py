"""How much a word says: one that half of all names share says next to nothing.

Frequencies are counted over the loaded lists and over the legal names of 18,319 firms (GLEIF's LEI data of
2020-05, CC0; `vocabulary/frequencies.csv` keeps the words that at least five of them share), so that one list
version and one algorithm version always give the same weight.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import log

from compliance.screening.names import LEGAL_FORMS, PARTICLES

UNIVERSE = 18_319
LEGAL_FORM_WEIGHT = 0.15
PARTICLE_WEIGHT = 0.3


@cache
def _universe() -> Mapping[str, int]:
    text = (files(__package__) / "vocabulary" / "frequencies.csv").read_text(encoding="utf-8")
    return {row["word"]: int(row["names"]) for row in csv.DictReader(text.splitlines())}


class Weights:
    """Weights of words, in nats: the less of all known names have a word, the more it weighs."""

    def __init__(self, names: int, having: Mapping[str, Sequence[int]]) -> None:
        """names: how many names are listed. having: the listed names that have a word, for each that one has."""
        self._total = names + UNIVERSE
        self._having = having
        self._known: dict[str, float] = {}

    def of(self, word: str) -> float:
        """Return the weight of a word."""
        found = self._known.get(word)
        if found is None:
            found = self._weigh(word)
            if word in self._having:  # others are as many as people think of
                self._known[word] = found
        return found

    def _weigh(self, word: str) -> float:
        if word in LEGAL_FORMS:
            return LEGAL_FORM_WEIGHT
        if word in PARTICLES:
            return PARTICLE_WEIGHT
        rarity = log(self._total / (1 + len(self._having.get(word, ())) + _universe().get(word, 0)))
        return rarity if len(word) > 1 else min(rarity, 2.0)
