"""Versions of the sanctions lists: each that is loaded is kept for ever, the newest is screened against."""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Row, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk
from compliance.rules.domain import ListKind
from compliance.screening.domain import Entry
from compliance.screening.index import ListIndex
from compliance.screening.lists.upload import ReadList
from compliance.screening.repository import current_lists
from compliance.screening.tables import sanctions_entry, sanctions_list

_entries = msgspec.json.Decoder(Entry)


class OlderListError(Exception):
    """The list is older than the one that is loaded."""


def _turn(kind: ListKind) -> Any:
    return select(func.pg_advisory_xact_lock(func.hashtextextended(f"compliance list {kind}", 0)))


async def add(unit: UnitOfWork, kind: ListKind, read: ReadList, as_of: date, actor: str) -> Row[Any]:
    """Keep a list as the newest version of its kind; return its row.

    The very list that is loaded already is not added again, unless this release reads more out of its files than
    the one that loaded it: its row is returned. Raises OlderListError.
    """
    await unit.connection.execute(_turn(kind))
    current = await _newest(unit.connection, kind)
    if current is not None and current.digest != read.digest and as_of < current.as_of:
        raise OlderListError(f"version {current.version} of {current.as_of} is loaded: {as_of} is older")
    before = {} if current is None else await _digests(unit.connection, current.list_id)
    after = {entry.entry_id: entry.digest for entry in read.entries}
    if current is not None and current.digest == read.digest and before == after:
        return current
    added = {
        "list_id": new_id(),
        "list_kind": kind,
        "version": 1 if current is None else current.version + 1,
        "as_of": as_of,
        "digest": read.digest,
        "entries": len(after),
        "names": sum(len(entry.names) for entry in read.entries),
        "added": len(after.keys() - before.keys()),
        "changed": sum(before[key] != after[key] for key in after.keys() & before.keys()),
        "removed": len(before.keys() - after.keys()),
        "loaded_at": unit.now,
        "loaded_by": actor,
    }
    await bulk.insert(unit.connection, sanctions_list, [added])
    await _add_entries(unit.connection, str(added["list_id"]), read.entries, after)
    newest = await _newest(unit.connection, kind)
    if newest is None:
        raise LookupError(f"the list {kind} that was just added is gone")
    return newest


async def _add_entries(
    connection: AsyncConnection, list_id: str, entries: list[Entry], digests: Mapping[str, str]
) -> None:
    rows = [
        {"list_id": list_id, "entry_id": entry.entry_id, "digest": digests[entry.entry_id], "entry": entry}
        for entry in entries
    ]
    await bulk.insert(connection, sanctions_entry, rows)


async def _newest(connection: AsyncConnection, kind: ListKind) -> Row[Any] | None:
    query = select(sanctions_list).where(sanctions_list.c.list_kind == kind)
    return (await connection.execute(query.order_by(sanctions_list.c.version.desc()).limit(1))).one_or_none()


async def _digests(connection: AsyncConnection, list_id: str) -> dict[str, str]:
    query = select(sanctions_entry.c.entry_id, sanctions_entry.c.digest)
    rows = await connection.execute(query.where(sanctions_entry.c.list_id == list_id))
    return {row.entry_id: row.digest for row in rows}


class IndexReader:
    """Keeps the index of the newest lists in memory, and arranges it anew when one was loaded."""

    def __init__(self) -> None:
        self._lists: dict[str, str] | None = None
        self._index = ListIndex({})
        self._building = asyncio.Lock()

    async def current(self, connection: AsyncConnection) -> tuple[dict[str, str], ListIndex]:
        """Return the id of the newest version of each list, and the index over all of them."""
        lists = await current_lists(connection)
        async with self._building:
            if lists != self._lists:
                entries = {kind: await _read(connection, list_id) for kind, list_id in lists.items()}
                self._index = await asyncio.to_thread(ListIndex, entries)
                self._lists = lists
            return lists, self._index


async def _read(connection: AsyncConnection, list_id: str) -> list[Entry]:
    """Read entry by entry: the whole text of a list takes more memory than what is kept of it."""
    query = select(cast(sanctions_entry.c.entry, Text)).where(sanctions_entry.c.list_id == list_id)
    async with connection.stream_scalars(query) as entries:
        return [_entries.decode(entry) async for entry in entries]
