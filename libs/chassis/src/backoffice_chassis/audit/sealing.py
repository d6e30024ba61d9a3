"""Seals new entries: gives each its place in the Merkle tree and signs the tree's head.

A place is given here and not when the entry is written, for transactions do not commit in the order in which they
began: the tree takes what has been committed, in the order of ids, and has no gaps.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, select, text

from backoffice_chassis.audit import merkle, proofs
from backoffice_chassis.audit.canonical import canonical
from backoffice_chassis.audit.entries import entry_document, head_document, leaf_data
from backoffice_chassis.audit.keys import HEAD, Signer, is_signed
from backoffice_chassis.audit.merkle import Span
from backoffice_chassis.audit.tables import audit_entry, audit_head, audit_leaf, audit_node, audit_unsealed
from backoffice_chassis.service import PeriodicJob
from backoffice_events.messaging import UnitOfWork, bulk

EVERY = timedelta(seconds=5)
_MOST_AT_ONCE = 5_000
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('backoffice audit sealing', 0))")


class TamperedTreeError(Exception):
    """The stored tree is not the one whose head was signed: nothing is signed on top of it."""


def sealing(service: str, signer: Signer) -> PeriodicJob:
    """Return the job."""

    async def run(unit: UnitOfWork) -> None:
        await seal(unit, service, signer)

    return PeriodicJob("seal audit log", EVERY, run)


async def seal(unit: UnitOfWork, service: str, signer: Signer) -> int:
    """Seal what waits, the oldest first; return the tree's size. Raises TamperedTreeError."""
    await unit.connection.execute(_ONE_AT_A_TIME)
    rows = await _waiting(unit)
    size, edge = await _standing(unit, service)
    if not rows:
        return size
    hashes = [merkle.leaf_hash(leaf_data(entry_document(service, row._mapping))) for row in rows]
    nodes = dict(merkle.grow(size, edge, hashes))
    await _place(unit, size, rows, nodes)
    grown = size + len(rows)
    known = {**dict(zip(merkle.subtrees(Span(0, size)), edge, strict=True)), **nodes}
    root = merkle.fold([known[node] for node in merkle.subtrees(Span(0, grown))])
    await _sign(unit, service, signer, grown, root)
    return grown


async def _waiting(unit: UnitOfWork) -> Sequence[Row[Any]]:
    query = select(audit_entry).join(audit_unsealed, audit_unsealed.c.entry_id == audit_entry.c.entry_id)
    return (await unit.connection.execute(query.order_by(audit_entry.c.entry_id).limit(_MOST_AT_ONCE))).all()


async def _standing(unit: UnitOfWork, service: str) -> tuple[int, list[bytes]]:
    """Return the tree's size and the hashes of its complete subtrees, once they agree with the head that we signed."""
    head = await proofs.newest_head(unit.connection)
    if head is None:
        return 0, []
    signed = canonical(head_document(service, head.tree_size, head.root_hash, head.sealed_at))
    found = await proofs.node_hashes(unit.connection, nodes := merkle.subtrees(Span(0, head.tree_size)))
    edge = [found.get(node, b"") for node in nodes]
    if not is_signed(head.public_key, head.signature, HEAD, signed) or merkle.fold(edge) != head.root_hash:
        raise TamperedTreeError(
            f"the tree of {head.tree_size} entries is not what was signed: run `audit verify`"
        )
    return head.tree_size, edge


async def _place(
    unit: UnitOfWork, size: int, rows: Sequence[Row[Any]], nodes: dict[merkle.Node, bytes]
) -> None:
    leaves = [{"leaf_index": index, "entry_id": row.entry_id} for index, row in enumerate(rows, size)]
    await bulk.insert(unit.connection, audit_leaf, leaves)
    hashes = [
        {"level": node.level, "position": node.position, "hash": value} for node, value in nodes.items()
    ]
    await bulk.insert(unit.connection, audit_node, hashes)
    sealed = [row.entry_id for row in rows]
    await unit.connection.execute(delete(audit_unsealed).where(audit_unsealed.c.entry_id.in_(sealed)))


async def _sign(unit: UnitOfWork, service: str, signer: Signer, size: int, root: bytes) -> None:
    signed = canonical(head_document(service, size, root, unit.now))
    head = {
        "tree_size": size,
        "root_hash": root,
        "sealed_at": unit.now,
        "public_key": signer.public_key,
        "signature": signer.sign(HEAD, signed),
    }
    await bulk.insert(unit.connection, audit_head, [head])
