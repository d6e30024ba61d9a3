"""Reading and writing the reference data, each in one statement over a whole batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Row, Table, and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import UnitOfWork, bulk
from trade_capture.reference.domain import SettlementInstruction
from trade_capture.reference.domain.masking import masked
from trade_capture.reference.kinds import Kind
from trade_capture.reference.tables import SEALED, reference_revision


async def lock_kind(connection: AsyncConnection, kind: str) -> int:
    """Become the one writer of a kind until the transaction ends; return the revision its changes bear.

    With one writer at a time revisions and events leave in the order of the commits.
    """
    row = select(reference_revision.c.revision).where(reference_revision.c.kind == kind).with_for_update()
    return int((await connection.execute(row)).scalar_one()) + 1


async def set_revision(connection: AsyncConnection, kind: str, revision: int) -> None:
    """Make known that a kind changed, so that every process's copy catches up."""
    statement = update(reference_revision).where(reference_revision.c.kind == kind)
    await connection.execute(statement.values(revision=revision))


async def current_records(
    connection: AsyncConnection, kind: Kind, keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], Any]:
    """Return the current records of those keys, by key."""
    if not keys:
        return {}
    table = kind.current
    columns = [table.c[field] for field in kind.key_fields]
    arrays = [
        bindparam(item.name, list(part), ARRAY(item.type))
        for item, part in zip(columns, zip(*keys, strict=True), strict=True)
    ]
    wanted = func.unnest(*arrays).table_valued(*kind.key_fields).render_derived()
    same_key = and_(*[item == wanted.c[item.name] for item in columns])
    statement = select(table).join(wanted, same_key)
    rows = await opened(connection, table, await connection.execute(statement))
    return {kind.key(record): record for record in (as_record(kind, row) for row in rows)}


async def write_versions(
    unit: UnitOfWork, kind: Kind, records: Sequence[Any], *, revision: int, recorded_by: str
) -> None:
    """Record new versions, make them current, and publish them; nothing happens without any."""
    if not records:
        return
    recorded = {"revision": revision, "recorded_at": unit.now, "recorded_by": recorded_by}
    rows = [{**_as_row(record), **recorded} for record in records]
    await bulk.insert(unit.connection, kind.versions, await _sealed(unit.connection, kind.versions, rows))
    await bulk.insert(
        unit.connection,
        kind.current,
        await _sealed(unit.connection, kind.current, rows),
        on_conflict=replacing(kind.current, kind.key_fields),
    )
    await set_revision(unit.connection, kind.name, revision)
    for record in records:
        unit.publish(masked(record) if isinstance(record, SettlementInstruction) else record)


async def opened(
    connection: AsyncConnection, table: Table, rows: Iterable[Row[Any]]
) -> Sequence[Mapping[Any, Any]]:
    """Return rows of a table as they are meant: what rests encrypted in clear."""
    if table.name in SEALED:
        return await SEALED[table.name].open(connection, rows)
    return [row._mapping for row in rows]


async def _sealed(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    return await SEALED[table.name].seal(connection, rows) if table.name in SEALED else rows


def as_record(kind: Kind, row: Mapping[Any, Any]) -> Any:
    """Return the record that a row of the kind's tables holds."""
    state = {field: row[field] for field in kind.record.__struct_fields__}
    return msgspec.convert(state, type=kind.record)


def _as_row(record: Any) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    if "closures" in row:
        row["closures"] = [day.isoformat() for day in row["closures"]]
    return row


def replacing(table: Table, key: Iterable[str]) -> str:
    """Return the ON CONFLICT clause by which a row takes the place of the one with its key."""
    fields = sorted(set(key))
    others = [item.name for item in table.columns if item.name not in fields]
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"({', '.join(fields)}) DO UPDATE SET {changes}"
