"""Where texts lead, for hundreds of thousands of them, in one sorted array of 8 bytes each."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from zlib import crc32

_BITS = 32
_NUMBER = (1 << _BITS) - 1


class Postings:
    """Leads from a text to the numbers filed under it, and now and then to one filed under another text.

    Texts are kept as their CRC-32 only, so whoever asks has to look whether what was found is what was meant.
    """

    def __init__(self, filed: Iterable[tuple[str, int]]) -> None:
        keys = [_start(text) | number for text, number in filed]
        keys.sort()
        self._keys = array("Q", keys)

    def under(self, text: str) -> Iterator[int]:
        """Yield the numbers filed under a text, ascending."""
        start = _start(text)
        for place in range(bisect_left(self._keys, start), len(self._keys)):
            key = self._keys[place]
            if key > start | _NUMBER:
                return
            yield key & _NUMBER


def _start(text: str) -> int:
    return crc32(text.encode()) << _BITS
