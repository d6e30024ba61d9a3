"""Words that are written behind a name or left out of it, and do not tell one party from another.

`vocabulary/branches.txt` says branch and office in the languages of the lists; `vocabulary/cities.txt` holds the seats
of markets (ISO 10383) and capitals and other large cities (the names of the IANA time zones, public domain).
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from compliance.screening.lists.countries import names as countries
from compliance.screening.names import LEGAL_FORMS, PARTICLES, vocabulary_lines, words

_BRANCHES = frozenset(vocabulary_lines("branches.txt"))
_LONGEST_PLACE = 3
_STATE = ("state",)
"""Before a legal form it is part of one: state corporation (Russia, Law 7-FZ, article 7.1), state company."""

_COMPOUNDS = PARTICLES | {"abu", "abdul", "umm"}
"""Words with which a name of several words begins: what follows belongs to it."""


@cache
def _places() -> frozenset[tuple[str, ...]]:
    return frozenset(words(place) for place in (*vocabulary_lines("cities.txt"), *countries()))


def branch(name: Sequence[str]) -> frozenset[str]:
    """Return what follows a firm's name to say which of its branches it is: `London branch`, `Filiale Paris`.

    A place after `of` belongs to the name (Bank of Cyprus), and a name is never all branch.
    """
    end = len(name)
    while end and (taken := _last(name[:end])):
        end -= taken
    added = frozenset(name[end:]) - LEGAL_FORMS
    return added if set(name[:end]) - LEGAL_FORMS - PARTICLES else frozenset()


def _last(name: Sequence[str]) -> int:
    """Return how many words at the end say a legal form, a branch or where it is."""
    if name[-1] in LEGAL_FORMS or name[-1] in _BRANCHES:
        return 2 if name[-1] in LEGAL_FORMS and tuple(name[-2:-1]) == _STATE else 1
    for length in range(min(_LONGEST_PLACE, len(name) - 1), 0, -1):
        if tuple(name[-length:]) in _places() and name[-length - 1] not in PARTICLES:
            return length
    return 0


@lru_cache(maxsize=4096)
def second_names(name: str) -> frozenset[str]:
    """Return what people leave out of a person's name: patronymics, second given names, second surnames.

    name: as the lists write it, surnames before a comma and given names behind; without a comma nobody can tell.
    """
    surnames, comma, given = name.partition(",")
    return frozenset({*_beyond_first(surnames), *_beyond_first(given)}) if comma else frozenset()


def _beyond_first(part: str) -> list[str]:
    groups = [words(group) for group in part.split()]
    for number, group in enumerate(groups):
        if set(group) - _COMPOUNDS:
            return [word for later in groups[number + 1 :] for word in later]
    return []
