"""Set-based writes for the event path: one statement, over arrays or by COPY, whatever the number of rows.

Several times cheaper than a statement per row, and than SQLAlchemy's insertmanyvalues, whose SQL grows with the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Column, Executable, Row, Table, Text, Uuid, text, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

Rows = Sequence[Mapping[str, Any]]

_dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped
_quote = _dialect.identifier_preparer.quote
_NOTHING = text("SELECT")


async def insert(
    connection: AsyncConnection,
    table: Table,
    rows: Rows,
    *,
    on_conflict: str = "",
    returning: Sequence[str] = (),
) -> list[Row[Any]]:
    """Insert rows with one statement and return the `returning` columns of those that were really inserted.

    All rows have the keys of the first; columns that they leave out get the database's default. on_conflict: the SQL
    after `ON CONFLICT`, such as `(trade_id) DO NOTHING`. uuid columns are returned as str.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _insert(table, columns, on_conflict, tuple(returning))
    result = await connection.execute(statement, _arrays(table, columns, rows))
    return list(result.all()) if returning else []


async def append(connection: AsyncConnection, table: Table, rows: Rows) -> None:
    """Add rows by COPY: half of what `insert` costs, for tables in which nothing can be in a row's way.

    All rows have the keys of the first; columns that they leave out get the database's default. Raises the driver's own
    errors (asyncpg.PostgresError), not SQLAlchemy's.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    arrays = _arrays(table, columns, rows)
    driver: Any = await _driver_in_transaction(connection)
    records = zip(*arrays.values(), strict=True)
    await driver.copy_records_to_table(table.name, schema_name=table.schema, columns=columns, records=records)


async def _driver_in_transaction(connection: AsyncConnection) -> Any:
    """Return the driver's connection. SQLAlchemy begins its transaction only with its own first statement."""
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is not None and not driver.is_in_transaction():
        await connection.execute(_NOTHING)
    return driver


async def update(
    connection: AsyncConnection,
    table: Table,
    rows: Rows,
    *,
    key: Sequence[str],
    returning: Sequence[str] = (),
) -> list[Row[Any]]:
    """Update rows found by the `key` columns with one statement; every other key of the rows is set.

    All rows have the keys of the first, and no two the same key. Returns the `returning` columns of the rows found,
    in no given order. uuid columns are returned as str.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _update(table, columns, tuple(key), tuple(returning))
    result = await connection.execute(statement, _arrays(table, columns, rows))
    return list(result.all()) if returning else []


def _arrays(table: Table, columns: tuple[str, ...], rows: Rows) -> dict[str, list[Any]]:
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"every row for {table.name} needs the same columns: {', '.join(columns)}")
    arrays: dict[str, list[Any]] = {}
    for number, name in enumerate(columns):
        values = [row[name] for row in rows]
        convert = _conversion(table.c[name])
        arrays[f"a{number}"] = values if convert is None else [convert(value) for value in values]
    return arrays


def _conversion(column: Column[Any]) -> Callable[[Any], Any] | None:
    """JSON is the one type whose values the driver does not take as they are in memory."""
    return _json if isinstance(column.type, types.JSON) else None


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


@lru_cache(maxsize=512)
def _insert(
    table: Table, columns: tuple[str, ...], on_conflict: str, returning: tuple[str, ...]
) -> Executable:
    names = ", ".join(_quote(name) for name in columns)
    conflict = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    sql = f"INSERT INTO {_name(table)} ({names}) SELECT {names} FROM {_unnest(table, columns)}{conflict}"  # noqa: S608 -- names come from our tables
    return _returning(sql, table, returning)


@lru_cache(maxsize=512)
def _update(
    table: Table, columns: tuple[str, ...], key: tuple[str, ...], returning: tuple[str, ...]
) -> Executable:
    target = _name(table)
    changes = ", ".join(f"{_quote(name)} = r.{_quote(name)}" for name in columns if name not in key)
    match = " AND ".join(f"{target}.{_quote(name)} = r.{_quote(name)}" for name in key)
    sql = f"UPDATE {target} SET {changes} FROM {_unnest(table, columns)} WHERE {match}"  # noqa: S608 -- as above
    return _returning(sql, table, returning)


def _name(table: Table) -> str:
    return str(_dialect.identifier_preparer.format_table(table))


def _unnest(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:a{n} AS {_array_type(table.c[name])})" for n, name in enumerate(columns))
    names = ", ".join(_quote(name) for name in columns)
    return f"unnest({arrays}) AS r({names})"


def _array_type(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, types.ARRAY):
        raise TypeError(f"{column}: unnest flattens arrays of arrays; keep lists as JSONB")
    if isinstance(kind, types.String | types.Enum):
        return "text[]"
    if isinstance(kind, types.Numeric) and not isinstance(kind, types.Float):
        return "numeric[]"  # the column's own precision rounds or refuses
    return f"{kind.compile(dialect=_dialect)}[]"


def _returning(sql: str, table: Table, returning: tuple[str, ...]) -> Executable:
    if not returning:
        return text(sql)
    target = _name(table)
    outputs = [
        f"{target}.{_quote(name)}{_output_cast(table.c[name])} AS {_quote(name)}" for name in returning
    ]
    typed = [Column(name, _output_type(table.c[name])) for name in returning]
    return text(f"{sql} RETURNING {', '.join(outputs)}").columns(*typed)


def _output_cast(column: Column[Any]) -> str:
    return r"\:\:text" if isinstance(column.type, Uuid) else ""


def _output_type(column: Column[Any]) -> types.TypeEngine[Any]:
    return Text() if isinstance(column.type, Uuid) else column.type
