"""How much two names resemble each other, and why, in words that a reviewer understands.

Words are paired one to one, whatever their order. Each side is asked how much of its weight found a partner;
the lesser answer counts more, since a name that is only part of another is a weaker likeness.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from compliance.screening.names import LEGAL_FORMS, PARTICLES, consonants, skeleton

LESSER_SHARE = 0.65
"""Part of the score that the side with less of its weight paired decides."""

SAME_SOUND = 0.85
SAME_CONSONANTS = 0.92
"""Nearly the same letters, and only vowels differ: Arabic and Persian leave those to whoever writes it in Latin."""

ALIKE_IN_WRITING = 0.55
INITIAL = 0.7
ADDITION = 0.2
"""Part of its weight that an addition counts with which found no partner: a branch's city, a second name."""

HALF = 0.5
"""Names of which one side found a partner for less of its weight do not agree in full, whatever is left out."""

SURE_EVIDENCE = 9.0
"""Nats of shared weight above which a likeness needs no further evidence: one rare word or two less common."""

Weigh = Callable[[str], float]


class Pair(NamedTuple):
    """Two words and their likeness, 0 to 1."""

    ours: str
    theirs: str
    likeness: float


class Comparison(NamedTuple):
    """Likeness of two names, 0 to 100, and the pairs it comes from. left_out: additions without a partner.

    in_full: every word that tells one name from another found the very same one, apart from what was left out.
    """

    score: float
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...]
    in_full: bool


@lru_cache(maxsize=4_000)
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
    if typed >= SAME_CONSONANTS or not _same_sound(shorter, longer):
        return typed
    same = SAME_CONSONANTS if typed and consonants(shorter) == consonants(longer) else SAME_SOUND
    return max(typed, same)


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


def compare(
    ours: Sequence[str], theirs: Sequence[str], weigh: Weigh, additions: frozenset[str] = frozenset()
) -> Comparison:
    """Compare two names by their words. additions: words that count less where they find no partner."""
    ours, theirs = _joined(ours, theirs), _joined(theirs, ours)
    pairs = _pair(ours, theirs, weigh)
    our_side = _Side(ours, [(pair.ours, pair.likeness) for pair in pairs], weigh, additions)
    their_side = _Side(theirs, [(pair.theirs, pair.likeness) for pair in pairs], weigh, additions)
    lesser, greater = sorted((our_side.share, their_side.share))
    likeness_of_all = LESSER_SHARE * lesser + (1 - LESSER_SHARE) * greater
    # Sharing only what many names share ("global trading") is weak evidence unless the names agree as a
    # whole.
    shared = sum(pair.likeness * min(weigh(pair.ours), weigh(pair.theirs)) for pair in pairs)
    evidence = min(1.0, shared / SURE_EVIDENCE)
    whole = min(our_side.share_of_whole, their_side.share_of_whole)
    score = 100 * likeness_of_all * (evidence + (1 - evidence) * whole**2)
    in_full = lesser > HALF and our_side.in_full() and their_side.in_full()
    return Comparison(score, tuple(pairs), our_side.left_out + their_side.left_out, in_full)


class _Side:
    """One of two names: how much of its weight found a partner, with its additions counted less and in full."""

    def __init__(
        self,
        words: Sequence[str],
        paired: Sequence[tuple[str, float]],
        weigh: Weigh,
        additions: frozenset[str],
    ) -> None:
        found = sum(likeness * weigh(word) for word, likeness in paired)
        total = sum(map(weigh, words))
        self.left_out = tuple(sorted(additions.intersection(words).difference(word for word, _ in paired)))
        less = (1 - ADDITION) * sum(map(weigh, self.left_out))
        self.share_of_whole = found / total if total else 0.0
        self.share = found / (total - less) if total else 0.0
        self._words, self._paired = words, paired

    def in_full(self) -> bool:
        """Tell whether each word that says anything found the very same one or is often left out."""
        same = {word for word, likeness in self._paired if likeness == 1}
        telling = set(self._words) - LEGAL_FORMS - PARTICLES
        return bool(telling & same) and telling <= same.union(self.left_out)


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
