"""The loaded lists, arranged so that one name is compared with a few dozen entries and not with all."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, pairwise
from sys import intern
from typing import NamedTuple

import msgspec

from compliance.screening.additions import branch, second_names
from compliance.screening.domain import FLOOR, PARTIES, UNREAD, EntityType, Entry, Match
from compliance.screening.matching import Comparison, Pair, compare, likeness
from compliance.screening.names import LEGAL_FORMS, PARTICLES, by_script, skeleton, words
from compliance.screening.postings import Postings
from compliance.screening.weights import Weights

CANDIDATES = 60
COMMON = 400
"""A word that more names share than this leads to nobody while there is another to go by."""

OTHER_COUNTRY = 6
OTHER_LEI = 20
OTHER_TYPE = {
    EntityType.PERSON: 25,
    EntityType.VESSEL: 40,
    EntityType.AIRCRAFT: 40,
    EntityType.ORGANISATION: 25,
}
OTHER_TYPE_IN_FULL = 5
"""Who bears the whole name of a listed party is not cleared by what somebody says it is: firms bear people's names."""

WEAK_ALIAS = 8
CERTAIN = Decimal(100)

ANYBODY = "any name on this list, being in letters that cannot be compared: record its name in Latin letters"
"""Completes `… resembles`. LEI records can have it in Latin letters, as TransliteratedOtherEntityNames."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to look for. entity_type: None for a party of which nobody said whether it is a person or a firm.

    country: ISO 3166 alpha-2, None when unknown. identifiers: as a list entry has them.
    """

    name: str
    entity_type: EntityType | None = None
    country: str | None = None
    identifiers: tuple[str, ...] = ()


class _Alias(NamedTuple):
    list_kind: str
    entry: Entry
    name: str
    words: tuple[str, ...]
    weak: bool


class ListIndex:
    """Finds the entries of all lists that a subject resembles."""

    def __init__(self, lists: Mapping[str, Iterable[Entry]]) -> None:
        self._kinds = sorted(lists)
        self._aliases = [alias for kind, entries in lists.items() for alias in _aliases(kind, entries)]
        self._by_word = _by_word(self._aliases)
        self._weights = Weights(len(self._aliases), self._by_word)
        self._by_identifier: dict[str, list[_Alias]] = defaultdict(list)
        for alias in self._aliases:
            for identifier in alias.entry.identifiers:
                self._by_identifier[identifier].append(alias)
        self._words = tuple(self._by_word)
        self._spelt = Postings((form, i) for i, word in enumerate(self._words) for form in _forms(word))
        self._joined = Postings(
            (joined, i) for i, alias in enumerate(self._aliases) for joined in _neighbours(alias.words)
        )

    def search(self, subject: Subject) -> tuple[Match, ...]:
        """Return every entry that scores FLOOR or more, best first, each by its likest name.

        A name that cannot be compared with the lists comes last: whom it does resemble tells more.
        """
        best: dict[tuple[str, str], Match] = {}
        scripts = by_script(subject.name)
        found = (self._resembling(subject, name) for name in scripts if name)
        for match in chain(self._identified(subject), *found):
            key = (match.list_kind, match.entry_id)
            if match.score >= FLOOR and (key not in best or best[key].score < match.score):
                best[key] = match
        ranked = sorted(best.values(), key=lambda match: (-match.score, match.list_kind, match.entry_id))
        return tuple(ranked) if scripts.readable else (*ranked, *map(_unread, self._kinds))

    def _identified(self, subject: Subject) -> Iterator[Match]:
        for identifier in subject.identifiers:
            for alias in self._by_identifier.get(identifier, ()):
                yield _match(alias, CERTAIN, (f"same identifier {identifier}",))

    def _resembling(self, subject: Subject, name: str) -> Iterator[Match]:
        asked = words(name)
        if not asked:
            return
        behind = branch(asked)
        for number in self._candidates(asked):
            alias = self._aliases[number]
            kind = subject.entity_type or alias.entry.entity_type
            additions = second_names(alias.name) if kind is EntityType.PERSON else behind
            comparison = compare(asked, alias.words, self._weights.of, additions)
            if comparison.score >= FLOOR:
                yield self._weighed(subject, alias, comparison)

    def _weighed(self, subject: Subject, alias: _Alias, comparison: Comparison) -> Match:
        features, score = [_agreement(comparison, self._weights)], comparison.score
        if comparison.left_out:
            features.append("often left out, so it counts less: " + ", ".join(comparison.left_out))
        for cost, reason in _contradictions(subject, alias, comparison):
            score -= cost
            features.append(f"{reason}: -{cost}")
        return _match(alias, Decimal(max(score, 0.0)).quantize(Decimal("0.01")), tuple(features))

    def _candidates(self, asked: tuple[str, ...]) -> list[int]:
        """Return the names that share the most weight with the words asked for."""
        telling = set(asked) - LEGAL_FORMS - PARTICLES or set(asked)
        common = {word for word in telling if len(self._by_word.get(word, ())) > COMMON}
        gathered = self._gather(telling - common) or self._gather(common)
        for word in common:
            weight = self._weights.of(word)
            for number in gathered.keys() & self._by_word[word]:
                gathered[number] += weight
        together = {number: 0.0 for word in telling for number in self._joined.under(word)}
        together |= {number: 0.0 for joined in _neighbours(asked) for number in self._by_word.get(joined, ())}
        return [*self._weightiest(gathered), *self._weightiest(together)]

    def _gather(self, asked: Iterable[str]) -> dict[int, float]:
        gathered: dict[int, float] = defaultdict(float)
        for word in asked:
            for near in self._near(word):
                if alike := likeness(word, near):
                    weight = alike * min(self._weights.of(word), self._weights.of(near))
                    for number in self._by_word.get(near, ()):
                        gathered[number] += weight
        return gathered

    def _near(self, word: str) -> set[str]:
        """Return the listed words that may be other spellings of a word."""
        return {self._words[number] for form in _forms(word) for number in self._spelt.under(form)}

    def _weightiest(self, gathered: Mapping[int, float]) -> list[int]:
        """Return the best of them; of equals the shorter name, all of which is then accounted for."""

        def rank(number: int) -> tuple[float, int, int]:
            return (-gathered[number], len(self._aliases[number].words), number)

        return heapq.nsmallest(CANDIDATES, gathered, key=rank)


def _aliases(list_kind: str, entries: Iterable[Entry]) -> Iterator[_Alias]:
    for entry in entries:
        for alias in entry.names:
            found = tuple([intern(word) for word in words(alias.name)])  # names share most of their words
            if found:
                yield _Alias(list_kind, entry, alias.name, found, alias.weak)


def _by_word(aliases: Sequence[_Alias]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, alias in enumerate(aliases):
        for word in set(alias.words):
            numbers[word].append(number)
    return {word: tuple(found) for word, found in numbers.items()}


def _neighbours(found: tuple[str, ...]) -> set[str]:
    """Join each word with the next, for names that others write as one word."""
    return {a + b for a, b in pairwise(found) if a not in LEGAL_FORMS and b not in LEGAL_FORMS}


def _forms(word: str) -> set[str]:
    """Return what other spellings of a word have in common with it: itself less one letter, its sound."""
    if len(word) < 4:
        return {word}
    forms = {word[:place] + word[place + 1 :] for place in range(len(word))} | {word}
    if bones := skeleton(word):
        forms.add(f"~{bones}")
    return forms


def _contradictions(subject: Subject, alias: _Alias, comparison: Comparison) -> Iterator[tuple[int, str]]:
    entry = alias.entry
    if cost := _other_type(subject.entity_type, entry.entity_type, comparison):
        yield cost, f"the listed one is a {entry.entity_type.lower()}"
    if subject.country and entry.countries and subject.country not in entry.countries:
        yield OTHER_COUNTRY, f"in {subject.country}, the listed one in {', '.join(entry.countries[:5])}"
    ours = {each for each in subject.identifiers if each.startswith("LEI:")}
    theirs = {each for each in entry.identifiers if each.startswith("LEI:")}
    if ours and theirs and not ours & theirs:
        yield OTHER_LEI, "the listed one has another LEI"
    if alias.weak:
        yield WEAK_ALIAS, "the list calls this alias weak"


def _other_type(ours: EntityType | None, theirs: EntityType, comparison: Comparison) -> int:
    """Return what it costs that two are known to be of different kinds."""
    if theirs in (PARTIES if ours is None else {ours}):
        return 0
    in_full = comparison.in_full and theirs in PARTIES
    return OTHER_TYPE_IN_FULL if in_full else OTHER_TYPE[theirs]


def _agreement(comparison: Comparison, weights: Weights) -> str:
    pairs = sorted(comparison.pairs, key=lambda pair: -weights.of(pair.ours))
    return f"names agree {comparison.score:.0f} %: " + ", ".join(_in_words(pair, weights) for pair in pairs)


def _in_words(pair: Pair, weights: Weights) -> str:
    rarity = weights.of(pair.theirs)
    kind = "rare" if rarity > 8 else "uncommon" if rarity > 5 else "common"
    if pair.likeness == 1:
        return f"{pair.theirs} ({kind})"
    return f"{pair.ours} like {pair.theirs} {pair.likeness:.2f} ({kind})"


def _unread(list_kind: str) -> Match:
    reason = "compared in its own letters alone, and most listed names are in Latin ones"
    return Match(
        list_kind=list_kind,
        entry_id=UNREAD,
        entry_digest="",
        name=ANYBODY,
        score=CERTAIN,
        features=(reason,),
    )


def _match(alias: _Alias, score: Decimal, features: tuple[str, ...]) -> Match:
    return Match(
        list_kind=alias.list_kind,
        entry_id=alias.entry.entry_id,
        entry_digest=alias.entry.digest,
        name=alias.name,
        score=score,
        features=features,
    )
