"""The Merkle tree of RFC 9162, section 2.1 (RFC 6962's shape): hashes, proofs, and what checks them. Pure.

A subtree that is complete never changes again, so it is kept by its level and its position on that level; the root of
any range of leaves that a proof names is folded from those.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

HASH_BYTES = 32


class Node(NamedTuple):
    """A complete subtree: 2**level leaves, the first of which is leaf position * 2**level."""

    level: int
    position: int


class Span(NamedTuple):
    """The leaves from `start` to before `end`. start: a multiple of the largest power of two below the length."""

    start: int
    end: int


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(span: Span) -> list[Node]:
    """Return the complete subtrees that a span consists of, from left to right."""
    found, start = [], span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        found.append(Node(level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, given from left to right; of none, that of the empty tree."""
    if not hashes:
        return hashlib.sha256().digest()
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def grow(size: int, edge: Sequence[bytes], leaves: Sequence[bytes]) -> Iterator[tuple[Node, bytes]]:
    """Yield each subtree that becomes complete when leaf hashes are added, itself a leaf or above one.

    size: leaves that are there. edge: hashes of the complete subtrees that these consist of, from left to right.
    """
    stack = list(edge)
    for place, leaf in enumerate(leaves, size):
        level, position, value = 0, place, leaf
        yield Node(level, position), value
        while position & 1:
            level, position, value = level + 1, position >> 1, node_hash(stack.pop(), value)
            yield Node(level, position), value
        stack.append(value)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return whose roots prove that a leaf is in a tree (PATH), from the leaf upwards. index < size."""
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        inside, outside = Span(start, middle), Span(middle, end)
        if index >= middle:
            inside, outside = outside, inside
        spans.append(outside)
        start, end = inside
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Return whose roots prove that a tree begins with another one (PROOF). 0 < old <= new."""
    spans, start, end = [], 0, new
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    if start > 0:  # the old tree itself is known to whoever asks
        spans.append(Span(start, end))
    return spans[::-1]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof shows a leaf hash at its index in the tree of that size and root (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the new tree begins with the leaves of the old one (2.1.4.2)."""
    if old in (0, new):
        return not proof and old <= new and (old < new or old_root == new_root)
    if not 0 < old < new or not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
