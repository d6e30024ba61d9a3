"""Columns whose values rest encrypted: sealed before a row is written, opened after it was read.

A table says which of its columns are such (`Sealed`); its rows pass through `seal` and `open`. While a release may run
that reads values in clear (`encryption_pending`), they are written so; what is read may be either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from sqlalchemy import JSON, Column, LargeBinary, Row, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy import keys
from backoffice_chassis.secrecy.envelope import DataKey, is_sealed, key_id_of

Fields = dict[str, Any]

NOTHING = ""
"""What a column for what is encrypted holds when there is nothing to encrypt in the value."""


class Part(Protocol):
    """What is encrypted of a value whose rest is not."""

    def take_out(self, value: Any) -> tuple[Any, Any]:
        """Return the rest, and the part; None when the value has none."""

    def put_back(self, rest: Any, part: Any) -> Any:
        """Return the value."""


@dataclass(frozen=True)
class Sealed:
    """A table's columns whose values rest encrypted.

    subject: column that names whose data a row holds, each with keys of their own; without it the service's own key.
    apart: columns whose type holds no text, or whose value is encrypted in part, with the column that holds what is
    encrypted. parts: the part, for the latter. bound_to: columns that a value is bound to, in place of the primary key.
    """

    table: Table
    columns: tuple[str, ...]
    subject: str | None = None
    apart: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    bound_to: tuple[str, ...] = ()

    async def seal(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[Fields]:
        """Return rows as they are to be stored."""
        if not rows:
            return []
        if await keys.is_pending(connection):
            return [{**row, **dict.fromkeys(self.apart.values())} for row in rows]
        return await self.seal_now(connection, rows)

    async def seal_now(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[Fields]:
        """Return rows encrypted under the newest keys, whatever release runs beside."""
        if self.subject is None:
            own = await keys.own(connection)
            return [self.seal_under(own, row) for row in rows]
        subject = self.subject
        found = await keys.of_subjects(connection, {row[subject] for row in rows})
        return [self.seal_under(found[row[subject]], row) for row in rows]

    def seal_under(self, key: DataKey, row: Mapping[str, Any]) -> Fields:
        """Return one row as it is to be stored, encrypted under a key."""
        changed: Fields = {}
        for name in self.columns:
            column = self.stored_in(name)
            rest, plain = self._plain(name, row[name])
            token = _empty(rest) if plain is None else key.seal(plain, self._place(row, column))
            changed[name] = rest
            changed[column.name] = token.encode() if token and isinstance(column.type, LargeBinary) else token
        return {**row, **changed}

    async def open(
        self, connection: AsyncConnection, rows: Iterable[Row[Any] | Mapping[str, Any]]
    ) -> list[Fields]:
        """Return rows as they are meant. Raises MissingKeyError and UnreadableError."""
        fields = [dict(row._mapping if isinstance(row, Row) else row) for row in rows]
        wanted = {key_id_of(token) for row in fields for token in self._tokens(row)}
        found = await keys.named(connection, wanted)
        return [self._opened(row, found) for row in fields]

    def stored_in(self, name: str) -> Column[Any]:
        """Return the column that holds a value encrypted."""
        return self.table.c[self.apart.get(name, name)]

    def _tokens(self, row: Fields) -> list[str]:
        stored = [row.get(self.stored_in(name).name) for name in self.columns]
        return [_text(each) for each in stored if is_sealed(each)]

    def _plain(self, name: str, value: Any) -> tuple[Any, bytes | None]:
        """Return what stays of a value, and what is to be encrypted of it."""
        if value is None:
            return None, None
        if name in self.parts:
            rest, part = self.parts[name].take_out(value)
            return rest, None if part is None else msgspec.json.encode(part)
        return None, _plain(self.table.c[name], value)

    def _opened(self, row: Fields, found: Mapping[str, DataKey]) -> Fields:
        values = {name: self._value(row, name, found) for name in self.columns}
        kept = {name: value for name, value in row.items() if name not in self.apart.values()}
        return {**kept, **values}

    def _value(self, row: Fields, name: str, found: Mapping[str, DataKey]) -> Any:
        column = self.stored_in(name)
        stored = row[column.name]
        if not is_sealed(stored):
            return row[name]
        token = _text(stored)
        plain = found[key_id_of(token)].open(token, self._place(row, column))
        if name in self.parts:
            return self.parts[name].put_back(row[name], msgspec.json.decode(plain))
        return _meant(self.table.c[name], plain)

    def _place(self, row: Mapping[str, Any], column: Column[Any]) -> list[str]:
        bound_to = self.bound_to or [part.name for part in self.table.primary_key]
        return [self.table.name, column.name, *(str(row[name]) for name in bound_to)]


def _empty(rest: Any) -> str | None:
    """Return what stands for nothing encrypted: of a value without a part, or of no value."""
    return None if rest is None else NOTHING


def _text(stored: str | bytes) -> str:
    return stored.decode() if isinstance(stored, bytes) else stored


def _plain(column: Column[Any], value: Any) -> bytes:
    return bytes(value) if isinstance(column.type, LargeBinary) else msgspec.json.encode(value)


def _meant(column: Column[Any], plain: bytes) -> Any:
    if isinstance(column.type, LargeBinary):
        return plain
    return msgspec.json.decode(plain, type=Any if isinstance(column.type, JSON) else column.type.python_type)
