"""Reads the stored tree: heads, and the hashes that a proof consists of."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.audit import merkle
from backoffice_chassis.audit.merkle import Node, Span
from backoffice_chassis.audit.tables import audit_head, audit_node


async def newest_head(connection: AsyncConnection) -> Row[Any] | None:
    """Return the head of the whole tree, None before the first entry was sealed."""
    query = select(audit_head).order_by(audit_head.c.tree_size.desc()).limit(1)
    return (await connection.execute(query)).one_or_none()


async def head_of(connection: AsyncConnection, tree_size: int) -> Row[Any] | None:
    """Return the head that was signed at a size."""
    return (
        await connection.execute(select(audit_head).where(audit_head.c.tree_size == tree_size))
    ).one_or_none()


async def node_hashes(connection: AsyncConnection, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """Return the hashes of complete subtrees, without those that are missing."""
    place = tuple_(audit_node.c.level, audit_node.c.position)
    rows = await connection.execute(select(audit_node).where(place.in_(list(nodes))))
    return {Node(row.level, row.position): row.hash for row in rows}


async def roots(connection: AsyncConnection, spans: Sequence[Span]) -> list[bytes]:
    """Return the root of each span of leaves. Raises LookupError when the stored tree has a hole there."""
    parts = [merkle.subtrees(span) for span in spans]
    found = await node_hashes(connection, set(chain.from_iterable(parts)))
    return [merkle.fold([found[node] for node in part]) for part in parts]
