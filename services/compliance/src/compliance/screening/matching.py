"""How much two names resemble each other, and why, in words that a reviewer understands.

Words are paired one to one, whatever their order. Each side is asked how much of its weight found a partner;
the lesser answer counts more, since a name that is only part of another is a weaker likeness.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from compliance.screening.names import skeleton

LESSER_SHARE = 0.65
"""Part of the score that the side with less of its weight paired decides."""

SAME_SOUND = 0.85
ALIKE_IN_WRITING = 0.55
INITIAL = 0.7
SURE_EVIDENCE = 9.0
"""Nats of shared weight above which a likeness needs no further evidence: one rare word or two less common."""

Weigh = Callable[[str], float]


class Pair(NamedTuple):
    """Two words and their likeness, 0 to 1."""

    ours: str
    theirs: str
    likeness: float


class Comparison(NamedTuple):
    """Likeness of two names, 0 to 100, and the pairs it comes from."""

    score: float
    pairs: tuple[Pair, ...]


@lru_cache(maxsize=100_000)
def likeness(ours: str, theirs: str) -> float:
    """Return how like two words are, 0 to 1: the same, mistyped, written by ear, or an initial."""
    if ours == theirs:
        return 1.0
    shorter, longer = sorted((ours, theirs), key=len)
    if len(shorter) == 1:
        return INITIAL if longer.startswith(shorter) and longer.isalpha() else 0.0
    if any(letter.isdigit() for letter in ours + theirs):
        return 0.0
    typed = _mistyped(shorter, longer)
    heard = SAME_SOUND if typed < SAME_SOUND and _same_sound(shorter, longer) else 0.0
    return max(typed, heard)


def _mistyped(shorter: str, longer: str) -> float:
    allowed = 0 if len(shorter) < 4 else 1 if len(shorter) < 7 else 2
    edits = OSA.distance(shorter, longer, score_cutoff=allowed)
    if edits > allowed:
        return 0.0
    return 1.0 - 1.2 * edits / len(longer)


def _same_sound(shorter: str, longer: str) -> bool:
    """Sound alone accuses too many (galaxy, GLG SA): most letters have to agree as well."""
    if not skeleton(shorter) or skeleton(shorter) != skeleton(longer):
        return False
    return OSA.normalized_similarity(shorter, longer) >= ALIKE_IN_WRITING


def compare(ours: Sequence[str], theirs: Sequence[str], weigh: Weigh) -> Comparison:
    """Compare two names by their words."""
    ours, theirs = _joined(ours, theirs), _joined(theirs, ours)
    pairs = _pair(ours, theirs, weigh)
    shared = sum(pair.likeness * min(weigh(pair.ours), weigh(pair.theirs)) for pair in pairs)
    our_share = _share(pairs, [pair.ours for pair in pairs], ours, weigh)
    their_share = _share(pairs, [pair.theirs for pair in pairs], theirs, weigh)
    lesser, greater = sorted((our_share, their_share))
    likeness_of_all = LESSER_SHARE * lesser + (1 - LESSER_SHARE) * greater
    # Sharing only what many names share ("global trading") is weak evidence unless the names agree as a
    # whole.
    evidence = min(1.0, shared / SURE_EVIDENCE)
    return Comparison(100 * likeness_of_all * (evidence + (1 - evidence) * lesser**2), tuple(pairs))


def _share(pairs: Sequence[Pair], paired: Sequence[str], words: Sequence[str], weigh: Weigh) -> float:
    total = sum(map(weigh, words))
    found = sum(pair.likeness * weigh(word) for pair, word in zip(pairs, paired, strict=True))
    return found / total if total else 0.0


def _pair(ours: Sequence[str], theirs: Sequence[str], weigh: Weigh) -> list[Pair]:
    """Pair words greedily, the likest and weightiest first; the order of words plays no part."""
    candidates = [
        (value, min(weigh(a), weigh(b)), a, b, i, j)
        for i, a in enumerate(ours)
        for j, b in enumerate(theirs)
        if (value := likeness(a, b)) > 0
    ]
    candidates.sort(key=lambda each: (-each[0], -each[1], each[2], each[3], each[4], each[5]))
    left, right, pairs = set(range(len(ours))), set(range(len(theirs))), []
    for value, _, a, b, i, j in candidates:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            pairs.append(Pair(a, b, value))
    return pairs


def _joined(words: Sequence[str], others: Sequence[str]) -> list[str]:
    """Join neighbours that the other name writes as one word (aero caribbean, aerocaribbean)."""
    whole = set(others)
    result: list[str] = []
    for word in words:
        if result and result[-1] + word in whole:
            result[-1] += word
        else:
            result.append(word)
    return result
