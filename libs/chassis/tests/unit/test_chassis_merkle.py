"""The tree is RFC 9162's: by the published vectors, and by a recursive reading of the definition itself."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_chassis.audit import merkle
from backoffice_chassis.audit.merkle import Node, Span

pytestmark = pytest.mark.unit

# Certificate Transparency's reference data: leaves, and the root of the first n of them.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
INCLUSION = {
    (0, 8): [A, B, C],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [A, B, C],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ],
    (2, 5): [B, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}


def mth(data: Sequence[bytes]) -> bytes:
    """MTH as 2.1.1 defines it."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = largest_power_below(len(data))
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH as 2.1.3.1 defines it."""
    if len(data) == 1:
        return []
    k = largest_power_below(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF as 2.1.4.1 defines it."""
    if m == len(data):
        return [] if whole else [mth(data)]
    k = largest_power_below(len(data))
    if m <= k:
        return [*subproof(m, data[:k], whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Kept:
    """A tree as the database keeps it: grown in parts, complete subtrees alone."""

    def __init__(self, data: Sequence[bytes], parts: int = 1) -> None:
        self.nodes: dict[Node, bytes] = {}
        size = 0
        for start in range(0, len(data), max(1, parts)):
            leaves = [merkle.leaf_hash(each) for each in data[start : start + max(1, parts)]]
            edge = [self.nodes[node] for node in merkle.subtrees(Span(0, size))]
            self.nodes.update(merkle.grow(size, edge, leaves))
            size += len(leaves)

    def root(self, span: Span) -> bytes:
        return merkle.fold([self.nodes[node] for node in merkle.subtrees(span)])

    def proof(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.root(span) for span in spans]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_that_certificate_transparency_publishes(size: int) -> None:
    assert Kept(LEAVES[:size]).root(Span(0, size)).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_that_are_published(index: int, size: int) -> None:
    proof = Kept(LEAVES).proof(merkle.inclusion_spans(index, size))
    assert [each.hex() for each in proof] == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_that_are_published(old: int, new: int) -> None:
    proof = Kept(LEAVES).proof(merkle.consistency_spans(old, new))
    assert [each.hex() for each in proof] == CONSISTENCY[old, new]


data = st.lists(st.binary(max_size=3), min_size=1, max_size=70)


@given(data, st.integers(1, 9))
def test_a_tree_grown_in_parts_has_the_root_of_the_definition(leaves: list[bytes], parts: int) -> None:
    kept = Kept(leaves, parts)
    assert kept.root(Span(0, len(leaves))) == mth(leaves)
    complete = {
        Node(level, position): mth(leaves[position << level : (position + 1) << level])
        for level in range(8)
        for position in range(len(leaves) >> level)
    }
    assert kept.nodes == complete


@given(data, st.data())
def test_an_inclusion_proof_is_that_of_the_definition_and_holds(
    leaves: list[bytes], draw: st.DataObject
) -> None:
    size = draw.draw(st.integers(1, len(leaves)))
    index = draw.draw(st.integers(0, size - 1))
    proof = Kept(leaves).proof(merkle.inclusion_spans(index, size))
    assert proof == path(index, leaves[:size])
    assert merkle.includes(merkle.leaf_hash(leaves[index]), index, size, proof, mth(leaves[:size]))


@given(data, st.data())
def test_a_consistency_proof_is_that_of_the_definition_and_holds(
    leaves: list[bytes], draw: st.DataObject
) -> None:
    new = draw.draw(st.integers(1, len(leaves)))
    old = draw.draw(st.integers(1, new))
    proof = Kept(leaves).proof(merkle.consistency_spans(old, new))
    assert proof == subproof(old, leaves[:new])
    assert merkle.extends(old, mth(leaves[:old]), new, mth(leaves[:new]), proof)


@given(st.lists(st.binary(max_size=3), min_size=2, max_size=40, unique=True), st.data())
def test_a_proof_of_anything_else_does_not_hold(leaves: list[bytes], draw: st.DataObject) -> None:
    size = len(leaves)
    index, other = draw.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    proof, root = path(index, leaves), mth(leaves)
    leaf = merkle.leaf_hash(leaves[index])
    assert not merkle.includes(merkle.leaf_hash(leaves[other]), index, size, proof, root)
    assert not merkle.includes(leaf, index, size, proof[:-1], root)
    assert not merkle.includes(leaf, index, size, [*proof, root], root)
    assert not merkle.includes(leaf, index, size, proof, mth(leaves[:-1]))
    assert not merkle.includes(leaf, size, size, proof, root)


@given(st.lists(st.binary(max_size=3), min_size=2, max_size=40, unique=True), st.data())
def test_a_tree_that_forgot_or_changed_a_leaf_is_no_continuation(
    leaves: list[bytes], draw: st.DataObject
) -> None:
    old = draw.draw(st.integers(1, len(leaves) - 1))
    at = draw.draw(st.integers(0, old - 1))
    changed = [*leaves[:at], leaves[at] + b"!", *leaves[at + 1 :]]
    forged = subproof(old, changed)
    assert not merkle.extends(old, mth(leaves[:old]), len(leaves), mth(changed), forged)
    honest = subproof(old, leaves)
    assert not merkle.extends(old, mth(leaves[:old]), len(leaves), mth(leaves), honest[:-1])
    assert not merkle.extends(len(leaves), mth(leaves), old, mth(leaves[:old]), honest)
