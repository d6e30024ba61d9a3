"""Names made comparable: one alphabet, one spelling of what is commonly abbreviated, legal forms known as such.

`vocabulary/alphabet.csv` writes Cyrillic and Greek in Latin letters (as BGN/PCGN romanise, without their accents).
Other scripts stay what they are and are compared with names in their own letters. `vocabulary/arabic.csv` folds what
Arabic, Persian, Pashto and Urdu keyboards write for one letter, as Lucene's ArabicNormalizer and PersianNormalizer do.
"""

import csv
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

_VOCABULARY = files(__package__) / "vocabulary"


def _pairs(file: str) -> dict[str, str]:
    return {row[0]: row[1] for row in csv.reader(vocabulary_lines(file)[1:])}


def vocabulary_lines(file: str) -> list[str]:
    """Return the lines of a file of the vocabulary."""
    return (_VOCABULARY / file).read_text(encoding="utf-8").splitlines()


LEGAL_FORMS = frozenset(vocabulary_lines("legal_forms.txt"))
"""Words that say what kind of firm it is: nearly all firms have one, so they say nearly nothing."""

PARTICLES = frozenset(vocabulary_lines("particles.txt"))
"""Words that only join others."""

_SPELT = _pairs("spellings.csv")
_ALPHABET = str.maketrans(_pairs("alphabet.csv") | _pairs("arabic.csv"))

_APOSTROPHES = re.compile("['\u2018\u2019\u02bb\u02bc\u02bf`\u00b4]")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_SLASHED_FORM = re.compile(r"\b([a-z])/([a-z])\b")
_WORDS = re.compile(r"[^\W_]+")
_UNSEEN = "Cf"
"""Category of characters that only steer how others are shown: directions, joiners, soft hyphens."""

_MODIFIER = "Lm"
"""Category of letters that only change others: they belong to every script."""


@lru_cache(maxsize=1_000)
def words(name: str) -> tuple[str, ...]:
    """Return a name's words: lower case, Latin, without accents, commonly abbreviated ones spelt out."""
    folded = _folded(name)
    folded = _DOTTED.sub(lambda match: match.group().replace(".", "") + " ", folded)
    folded = _SLASHED_FORM.sub(r"\1\2", folded)
    return tuple(_SPELT.get(word, word) for word in _WORDS.findall(folded))


def _folded(name: str) -> str:
    lowered = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", name)).casefold().translate(_ALPHABET)
    decomposed = unicodedata.normalize("NFKD", lowered)
    return "".join(filter(_counts, decomposed)).translate(_ALPHABET)


def _counts(character: str) -> bool:
    return character.isascii() or not (
        unicodedata.combining(character) or unicodedata.category(character) == _UNSEEN
    )


class Scripts(NamedTuple):
    """A name by what can be made of its letters; each part may be empty.

    latin: what is, or is brought to, Latin letters. other: what stays in its own script.
    """

    latin: str
    other: str

    @property
    def readable(self) -> bool:
        """Tell whether the name can be compared with names in Latin letters: by more than a legal form."""
        found = words(self.latin)
        if self.other:
            return any(len(word) > 1 for word in set(found) - LEGAL_FORMS - PARTICLES)
        return bool(found)


def by_script(name: str) -> Scripts:
    """Return a name's part in Latin letters apart from the other: many write both, one behind the other."""
    if name.isascii():
        return Scripts(name, "")
    parts, latin = {True: "", False: ""}, True
    for letter in unicodedata.normalize("NFKC", name):
        if letter.isalpha() and unicodedata.category(letter) != _MODIFIER and _is_latin(letter) != latin:
            latin = not latin
            parts[latin] += " "
        parts[latin] += letter
    return Scripts(parts[True].strip(), parts[False].strip())


@lru_cache(maxsize=4_000)
def _is_latin(letter: str) -> bool:
    return all(each.isascii() or unicodedata.name(each, "").startswith("LATIN") for each in _folded(letter))


_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("kh|q|ck|gh", "k"),
        ("ph", "f"),
        ("sh|sch|ch|tch", "s"),
        ("th|dh", "t"),
        ("dj|zh", "j"),
        ("w|ou|oo", "u"),
        ("z", "s"),
        ("x", "ks"),
        ("c", "k"),
        ("g", "k"),
        ("d", "t"),
        ("b|v", "f"),
        ("p", "f"),
    )
)
_VOWELS = re.compile(r"[aeiouyhj]")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=2_000)
def skeleton(word: str) -> str:
    """Return the consonants that survive being written down by different people; empty when too few are left."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    bones = consonants(word)
    return bones if len(bones) >= 4 else ""


def consonants(word: str) -> str:
    """Return a word's first letter and the consonants behind it, doubled ones once."""
    return _DOUBLED.sub(r"\1", word[:1] + _VOWELS.sub("", word[1:]))
