from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Uuid,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_events.ids import new_id
from backoffice_events.messaging import bulk

pytestmark = pytest.mark.integration


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


everything = Table(
    "everything",
    MetaData(),
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("amount", Numeric(28, 10)),
    Column("on", Date),
    Column("at", DateTime(timezone=True)),
    Column("flag", Boolean),
    Column("count", Integer),
    Column("note", Text),
    Column("code", String(20)),
    Column("colour", Text),
    Column("facts", JSONB),
    Column("raw", LargeBinary),
)

FULL = {
    "amount": Decimal("12345678901234567.0123456789"),
    "on": date(2024, 6, 3),
    "at": datetime(2024, 6, 3, 9, 30, tzinfo=UTC),
    "flag": True,
    "count": -7,
    "note": 'quote " comma , brace } backslash \\ é',
    "code": "",
    "colour": Colour.BLUE,
    "facts": {"reasons": ["a", None], "n": 1},
    "raw": b"\x00\xff",
}
EMPTY = dict.fromkeys(FULL)


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.begin() as connection:
        await connection.run_sync(everything.metadata.create_all)
        yield connection


async def test_every_column_type_and_null_comes_back_as_it_went_in(connection: AsyncConnection) -> None:
    rows = [{"id": new_id(), **FULL}, {"id": new_id(), **EMPTY}]
    returned = await bulk.insert(connection, everything, rows, returning=tuple(rows[0]))
    assert [row._asdict() for row in returned] == rows
    assert [type(row.id) for row in returned] == [str, str]


async def test_rows_in_conflict_are_left_out_of_what_is_returned(connection: AsyncConnection) -> None:
    first, second = new_id(), new_id()
    await bulk.insert(connection, everything, [{"id": first}])
    rows = [{"id": first}, {"id": second}, {"id": second}]
    new = await bulk.insert(connection, everything, rows, on_conflict="(id) DO NOTHING", returning=["id"])
    assert [row.id for row in new] == [second]


async def test_appended_rows_come_back_as_they_went_in(connection: AsyncConnection) -> None:
    rows = [{"id": new_id(), **FULL}, {"id": new_id(), **EMPTY}]
    await bulk.append(connection, everything, rows)
    stored = (await connection.execute(select(everything).order_by(everything.c.id))).all()
    assert [row._asdict() for row in stored] == rows


async def test_what_is_appended_first_in_a_transaction_is_rolled_back_with_it(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(everything.metadata.create_all)
    async with engine.connect() as connection:
        await bulk.append(connection, everything, [{"id": new_id()}])
        await connection.rollback()
        assert (await connection.execute(select(everything))).all() == []


async def test_update_sets_the_other_columns_of_rows_found_by_key(connection: AsyncConnection) -> None:
    first, second, absent = new_id(), new_id(), new_id()
    await bulk.insert(connection, everything, [{"id": first, **FULL}, {"id": second, **FULL}])
    rows: list[dict[str, Any]] = [
        {"id": first, "facts": None, "note": "x"},
        {"id": absent, "facts": [], "note": "y"},
    ]
    found = await bulk.update(
        connection, everything, rows, key=["id"], returning=["id", "facts", "note", "amount"]
    )
    assert [tuple(row) for row in found] == [(first, None, "x", FULL["amount"])]


async def test_no_rows_ask_the_database_nothing(connection: AsyncConnection) -> None:
    assert await bulk.insert(connection, everything, [], returning=["id"]) == []
    await bulk.append(connection, everything, [])
    assert await bulk.update(connection, everything, [], key=["id"]) == []


async def test_rows_of_different_shape_are_refused(connection: AsyncConnection) -> None:
    with pytest.raises(ValueError, match="same columns"):
        await bulk.insert(connection, everything, [{"id": new_id()}, {"id": new_id(), "note": "x"}])
    with pytest.raises(ValueError, match="same columns"):
        await bulk.append(connection, everything, [{"id": new_id()}, {"id": new_id(), "note": "x"}])
