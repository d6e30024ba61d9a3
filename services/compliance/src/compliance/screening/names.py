"""Names made comparable: one alphabet, one spelling of what is commonly abbreviated, legal forms known as such."""

import csv
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

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
_ALPHABET = str.maketrans(_pairs("alphabet.csv"))

_APOSTROPHES = re.compile("['\u2018\u2019\u02bb\u02bc\u02bf`\u00b4]")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_SLASHED_FORM = re.compile(r"\b([a-z])/([a-z])\b")
_WORDS = re.compile(r"[^\W_]+")


@lru_cache(maxsize=1_000)
def words(name: str) -> tuple[str, ...]:
    """Return a name's words: lower case, Latin, without accents, commonly abbreviated ones spelt out."""
    folded = _latin(name)
    folded = _DOTTED.sub(lambda match: match.group().replace(".", "") + " ", folded)
    folded = _SLASHED_FORM.sub(r"\1\2", folded)
    return tuple(_SPELT.get(word, word) for word in _WORDS.findall(folded))


def _latin(name: str) -> str:
    lowered = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", name)).casefold().translate(_ALPHABET)
    decomposed = unicodedata.normalize("NFKD", lowered)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).translate(_ALPHABET)


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
