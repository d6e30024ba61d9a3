"""/audit: the entries, the tree's head, and proofs, for auditors."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from sqlalchemy import Row, RowMapping, Select, and_, select

from backoffice_chassis.audit import merkle, proofs
from backoffice_chassis.audit.entries import entry_document, head_document
from backoffice_chassis.audit.schemas import (
    ConsistencyProof,
    EntriesWanted,
    Entry,
    Head,
    InclusionProof,
    Leaf,
    SignedEntry,
)
from backoffice_chassis.audit.tables import audit_entry, audit_leaf, audit_node
from backoffice_chassis.http.paging import Page, Paging, fetch_page
from backoffice_chassis.http.problems import FieldError, conflict, invalid, not_found
from backoffice_chassis.http.routing import Router, Unit
from backoffice_chassis.http.vocabulary import Id
from backoffice_chassis.resources import resources_of
from backoffice_chassis.security.access import requires
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal, Role
from backoffice_events.messaging import UnitOfWork

READ_AUDIT_LOG = Permission("read-audit-log", Role.AUDITOR)

Auditor = Annotated[Principal, requires(READ_AUDIT_LOG)]
TreeSize = Annotated[int, Query(ge=1, lt=2**62, description="Entries in the tree.")]

router = Router(prefix="/audit", tags=["audit"])


@router.get("/entries")
async def list_entries(
    request: Request, unit: Unit, paging: Paging, _: Auditor, wanted: Annotated[EntriesWanted, Query()]
) -> Page[SignedEntry]:
    """List entries, the oldest first: who did what, when, from where, with what before and after."""
    rows, cursor = await fetch_page(unit.connection, _matching(wanted), (audit_entry.c.entry_id,), paging)
    service = resources_of(request).service
    return Page(items=[_signed(service, row._mapping) for row in rows], next_cursor=cursor)


@router.get("/leaves")
async def list_leaves(request: Request, unit: Unit, paging: Paging, _: Auditor) -> Page[Leaf]:
    """List the tree's leaves in order, each with its entry: what a check of the whole log reads."""
    here = and_(audit_node.c.level == 0, audit_node.c.position == audit_leaf.c.leaf_index)
    tables = audit_leaf.outerjoin(audit_node, here).outerjoin(
        audit_entry, audit_entry.c.entry_id == audit_leaf.c.entry_id
    )
    named = audit_leaf.c.entry_id.label("sealed_entry_id")
    query = select(audit_entry, audit_leaf.c.leaf_index, named, audit_node.c.hash).select_from(tables)
    rows, cursor = await fetch_page(unit.connection, query, (audit_leaf.c.leaf_index,), paging)
    service = resources_of(request).service
    return Page(items=[_leaf(service, row._mapping) for row in rows], next_cursor=cursor)


@router.get("/head")
async def get_head(request: Request, unit: Unit, _: Auditor) -> Head:
    """Show the newest signed tree head."""
    return _head(request, await _newest(unit))


@router.get("/entries/{entry_id}/proof")
async def prove_inclusion(
    entry_id: Id, request: Request, unit: Unit, _: Auditor, tree_size: TreeSize | None = None
) -> InclusionProof:
    """Prove that an entry is in the tree of a signed head: the newest one, or the one of a size."""
    query = _entries().where(audit_entry.c.entry_id == entry_id)
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("audit entry", entry_id)
    if row.leaf_index is None:
        raise conflict("not-sealed", "The entry has no place in the tree yet: ask again in some seconds.")
    head = await _newest(unit) if tree_size is None else await _head_of(unit, tree_size)
    if row.leaf_index >= head.tree_size:
        reason = f"is smaller than the entry's place, {row.leaf_index}, needs"
        raise invalid([FieldError("/query/tree_size", reason)])
    spans = [
        merkle.Span(row.leaf_index, row.leaf_index + 1),
        *merkle.inclusion_spans(row.leaf_index, head.tree_size),
    ]
    leaf, *path = await _roots(unit, spans)
    return InclusionProof(
        signed=_signed(resources_of(request).service, row._mapping),
        leaf_hash=leaf.hex(),
        proof=[each.hex() for each in path],
        head=_head(request, head),
    )


@router.get("/consistency")
async def prove_consistency(
    request: Request, unit: Unit, _: Auditor, *, first: TreeSize, second: TreeSize | None = None
) -> ConsistencyProof:
    """Prove that the tree of a signed head, the newest or the one of size `second`, begins with the first tree."""
    head = await _newest(unit) if second is None else await _head_of(unit, second)
    if first > head.tree_size:
        raise invalid([FieldError("/query/first", f"is larger than the tree, which has {head.tree_size}")])
    root, *path = await _roots(
        unit, [merkle.Span(0, first), *merkle.consistency_spans(first, head.tree_size)]
    )
    return ConsistencyProof(
        first=first, first_root=root.hex(), proof=[each.hex() for each in path], head=_head(request, head)
    )


def _entries() -> Select[Any]:
    leaves = audit_entry.outerjoin(audit_leaf, audit_leaf.c.entry_id == audit_entry.c.entry_id)
    return select(audit_entry, audit_leaf.c.leaf_index).select_from(leaves)


def _matching(wanted: EntriesWanted) -> Select[Any]:
    query = _entries()
    for name in ("subject", "client", "action", "object_type", "object_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(audit_entry.c[name] == value)
    if wanted.at_from is not None:
        query = query.where(audit_entry.c.recorded_at >= wanted.at_from)
    if wanted.at_to is not None:
        query = query.where(audit_entry.c.recorded_at < wanted.at_to)
    if wanted.sealed is not None:
        sealed = audit_leaf.c.leaf_index.is_not(None)
        query = query.where(sealed if wanted.sealed else ~sealed)
    return query


async def _newest(unit: UnitOfWork) -> Row[Any]:
    head = await proofs.newest_head(unit.connection)
    if head is None:
        raise not_found("tree head", "newest")
    return head


async def _head_of(unit: UnitOfWork, tree_size: int) -> Row[Any]:
    head = await proofs.head_of(unit.connection, tree_size)
    if head is None:
        raise not_found("tree head of size", str(tree_size))
    return head


async def _roots(unit: UnitOfWork, spans: list[merkle.Span]) -> list[bytes]:
    try:
        return await proofs.roots(unit.connection, spans)
    except LookupError as error:
        raise conflict("broken-tree", "Nodes of the stored tree are missing: run `audit verify`.") from error


def _head(request: Request, row: Row[Any]) -> Head:
    document = head_document(resources_of(request).service, row.tree_size, row.root_hash, row.sealed_at)
    return Head(**document, public_key=row.public_key, signature=row.signature)


def _signed(service: str, row: Mapping[str, Any] | RowMapping) -> SignedEntry:
    return SignedEntry(
        entry=Entry(**entry_document(service, row)),
        public_key=row["public_key"],
        signature=row["signature"],
        leaf_index=row["leaf_index"],
    )


def _leaf(service: str, row: RowMapping) -> Leaf:
    known = row["entry_id"] is not None
    return Leaf(
        leaf_index=row["leaf_index"],
        leaf_hash=None if row["hash"] is None else row["hash"].hex(),
        entry_id=row["sealed_entry_id"],
        signed=_signed(service, row) if known else None,
    )
