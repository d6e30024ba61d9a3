"""What an auditor checks, from what a service's API answers alone: each finding names the entry or the leaf at fault.

Nothing here asks a database. What is trusted is the service's public key, which an auditor knows from elsewhere, and
the tree head that they saw last.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from backoffice_chassis.audit import merkle
from backoffice_chassis.audit.canonical import canonical
from backoffice_chassis.audit.entries import leaf_data
from backoffice_chassis.audit.keys import ENTRY, HEAD, is_signed
from backoffice_chassis.audit.merkle import Span

_SIGNED_OF_HEAD = ("service", "tree_size", "root_hash", "sealed_at")
_LONGEST_TRANSACTION = timedelta(minutes=15)

Document = Mapping[str, Any]


class Kind(StrEnum):
    """CHANGED: an entry is not what was sealed. DELETED: it is gone. INSERTED: the service did not write it.
    UNSEALED: it was kept out of the tree. TREE: the tree is not the one that was signed. HEAD: the head is not the
    service's, or contradicts one that was seen before.
    """

    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    UNSEALED = "unsealed"
    TREE = "tree"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold. entry_id, leaf_index: where it is known."""

    kind: Kind
    detail: str
    entry_id: str | None = None
    leaf_index: int | None = None


@dataclass(slots=True)
class _Tree:
    """The leaves' hashes as they should have been sealed, and what was found on the way."""

    hashes: list[bytes] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def check_head(head: Document, trusted: Set[str]) -> list[Finding]:
    """Return what is wrong with a head's signature."""
    if head["public_key"] not in trusted:
        return [
            Finding(Kind.HEAD, f"the head is signed by {head['public_key']}, which is no key of the service")
        ]
    signed = canonical({name: head[name] for name in _SIGNED_OF_HEAD})
    if not is_signed(head["public_key"], head["signature"], HEAD, signed):
        return [Finding(Kind.HEAD, f"the signature of the head of {head['tree_size']} entries does not hold")]
    return []


def check_leaves(leaves: Iterable[Document], head: Document, trusted: Set[str]) -> list[Finding]:
    """Return what is wrong with the tree's entries. leaves: all below the head's size, in order."""
    tree = _Tree()
    for leaf in leaves:
        _missing(tree, leaf["leaf_index"])
        tree.hashes.append(_checked(leaf, trusted, tree.findings))
    _missing(tree, head["tree_size"])
    if _root(tree.hashes) != bytes.fromhex(head["root_hash"]):
        detail = f"the leaves of {head['tree_size']} entries do not come to the root that was signed"
        tree.findings.append(Finding(Kind.TREE, detail))
    return tree.findings


def check_unsealed(entries: Iterable[Document], head: Document | None, trusted: Set[str]) -> list[Finding]:
    """Return what is wrong with entries that have no place in the tree yet."""
    findings = []
    for signed in entries:
        entry_id, at = signed["entry"]["entry_id"], signed["entry"]["recorded_at"]
        if not _written_by(signed, trusted):
            findings.append(Finding(Kind.INSERTED, "the service did not sign it", entry_id))
        elif head is not None and _moment(head["sealed_at"]) - _moment(at) > _LONGEST_TRANSACTION:
            detail = f"recorded at {at}, and the tree was sealed without it at {head['sealed_at']}"
            findings.append(Finding(Kind.UNSEALED, detail, entry_id))
    return findings


def check_growth(seen: Document, proof: Document) -> list[Finding]:
    """Return what is wrong between a head seen before and the newest. proof: of consistency from its size on."""
    head = proof["head"]
    sizes = (seen["tree_size"], head["tree_size"])
    roots = (bytes.fromhex(seen["root_hash"]), bytes.fromhex(head["root_hash"]))
    path = [bytes.fromhex(each) for each in proof["proof"]]
    if merkle.extends(sizes[0], roots[0], sizes[1], roots[1], path):
        return []
    detail = f"the tree of {sizes[1]} entries does not begin with the tree of {sizes[0]} seen before"
    return [Finding(Kind.HEAD, detail)]


def shrunk(seen: Document, head: Document | None) -> list[Finding]:
    """Return the finding that a tree has fewer entries than were seen in it before."""
    size = 0 if head is None else head["tree_size"]
    if size >= seen["tree_size"]:
        return []
    gone = f"entries {size} to {seen['tree_size'] - 1} are gone"
    detail = f"{gone}: the tree had {seen['tree_size']} at {seen['sealed_at']}"
    return [Finding(Kind.DELETED, detail, leaf_index=size)]


def check_inclusion(proof: Document, trusted: Set[str]) -> list[Finding]:
    """Return what is wrong with a proof that an entry is in the tree of a head."""
    signed, head = proof["signed"], proof["head"]
    entry_id, index = signed["entry"]["entry_id"], signed["leaf_index"]
    findings = check_head(head, trusted)
    if not _written_by(signed, trusted):
        findings.append(Finding(Kind.INSERTED, "the service did not sign it", entry_id, index))
    leaf = merkle.leaf_hash(leaf_data(signed["entry"]))
    path = [bytes.fromhex(each) for each in proof["proof"]]
    if not merkle.includes(leaf, index, head["tree_size"], path, bytes.fromhex(head["root_hash"])):
        findings.append(Finding(Kind.CHANGED, "the proof does not lead to the signed root", entry_id, index))
    return findings


def _missing(tree: _Tree, upto: int) -> None:
    """Note leaves that are missing before the next one; their place is kept, so that the others stay at theirs."""
    for index in range(len(tree.hashes), upto):
        tree.findings.append(
            Finding(Kind.DELETED, "the leaf is gone, and its entry's name with it", None, index)
        )
        tree.hashes.append(b"")


def _checked(leaf: Document, trusted: Set[str], findings: list[Finding]) -> bytes:
    """Return the hash that the leaf should have; note what is wrong with its entry."""
    entry_id, index, signed = leaf["entry_id"], leaf["leaf_index"], leaf["signed"]
    stored = bytes.fromhex(leaf["leaf_hash"] or "")
    if not stored:
        findings.append(Finding(Kind.TREE, "the hash that was sealed is gone", entry_id, index))
    if signed is None:
        findings.append(Finding(Kind.DELETED, "it was sealed, and is gone", entry_id, index))
        return stored
    computed = merkle.leaf_hash(leaf_data(signed["entry"]))
    if stored and computed != stored:
        findings.append(Finding(Kind.CHANGED, "it is not what was sealed", entry_id, index))
    elif not _written_by(signed, trusted):
        findings.append(Finding(Kind.INSERTED, "the service did not sign what stands there", entry_id, index))
    return stored or computed


def _written_by(signed: Document, trusted: Set[str]) -> bool:
    data = leaf_data(signed["entry"])
    return signed["public_key"] in trusted and is_signed(
        signed["public_key"], signed["signature"], ENTRY, data
    )


def _root(hashes: Sequence[bytes]) -> bytes:
    nodes = dict(merkle.grow(0, (), hashes))
    return merkle.fold([nodes[node] for node in merkle.subtrees(Span(0, len(hashes)))])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
