"""What does not rest as it should yet, in clear or under an older data key: counted, and encrypted batch by batch."""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    and_,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy.envelope import PREFIX
from backoffice_chassis.secrecy.keys import NEWEST
from backoffice_chassis.secrecy.sealed import Sealed
from backoffice_chassis.secrecy.tables import data_key
from backoffice_events.messaging import bulk

Key = tuple[Any, ...]
"""Values of a row's primary key."""

_OLDER: Final = select(cast(data_key.c.key_id, Text)).where(data_key.c.generation < NEWEST)


async def encrypt_some(connection: AsyncConnection, sealed: Sealed, most: int, after: Key = ()) -> Key:
    """Encrypt the values of at most so many rows anew, in the order of their keys; return the last one's, () for none.

    after: the key that an earlier call returned, so that no call reads again what is encrypted. Rows that others hold
    wait for another pass.
    """
    table = sealed.table
    key = [column.name for column in table.primary_key]
    names = [name for logical in sealed.columns for name in {logical, sealed.stored_in(logical).name}]
    wanted = {*key, *names, *sealed.bound_to, *([sealed.subject] if sealed.subject else [])}
    query = (
        select(*[table.c[name] for name in sorted(wanted)])
        .where(or_(in_clear(sealed), under_older_key(sealed)), _behind(table, after))
        .order_by(*table.primary_key.columns)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = (await connection.execute(query)).all()
    rows = await sealed.seal_now(connection, await sealed.open(connection, found))
    changes = [{name: row[name] for name in (*key, *names)} for row in rows]
    await bulk.update(connection, table, changes, key=key)
    return tuple(rows[-1][name] for name in key) if rows else ()


def _behind(table: Table, key: Key) -> ColumnElement[bool]:
    columns = table.primary_key.columns
    values = [literal(value, column.type) for value, column in zip(key, columns if key else (), strict=True)]
    return tuple_(*columns) > tuple_(*values) if key else true()


async def count(connection: AsyncConnection, sealed: Sealed, which: ColumnElement[bool]) -> int:
    """Return how many rows of a table are such."""
    query = select(func.count()).select_from(sealed.table).where(which)
    return int((await connection.execute(query)).scalar_one())


def in_clear(sealed: Sealed) -> ColumnElement[bool]:
    """Return the condition that one of a row's values stands in clear."""
    return or_(*[_in_clear(sealed, name) for name in sealed.columns])


def under_older_key(sealed: Sealed) -> ColumnElement[bool]:
    """Return the condition that one of a row's values is under a data key of an older generation."""
    stored = [_text(sealed.stored_in(name)) for name in sealed.columns]
    return or_(*[and_(each.startswith(PREFIX), func.split_part(each, ":", 2).in_(_OLDER)) for each in stored])


def _in_clear(sealed: Sealed, name: str) -> ColumnElement[bool]:
    column = sealed.table.c[name]
    if name in sealed.apart:
        return and_(column.is_not(None), sealed.stored_in(name).is_(None))
    return and_(column.is_not(None), not_(_text(column).startswith(PREFIX)))


def _text(column: Column[Any]) -> ColumnElement[str]:
    """Return a column's value as text that begins with the prefix when, and only when, it is encrypted."""
    if isinstance(column.type, LargeBinary):
        return func.encode(column, "escape", type_=Text)
    if isinstance(column.type, JSON):
        return func.ltrim(cast(column, Text), '"', type_=Text)
    return cast(column, Text)
