"""Cursor pagination: `?limit=100&cursor=…`, stable while rows are added, whatever the page number."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Row, Select, Uuid, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.http.problems import FieldError, Problem, invalid

T = TypeVar("T")

LARGEST_PAGE = 1000


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(
        default=None, description="Send it back as `cursor` for the next page; null: the last."
    )


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for."""

    limit: int = 100
    cursor: str | None = None


def _page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Rows on a page.")] = 100,
    cursor: Annotated[
        str | None, Query(max_length=1024, description="`next_cursor` of the page before.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


Paging = Annotated[PageRequest, Depends(_page_request)]


async def fetch_page(
    connection: AsyncConnection,
    select: Select[Any],
    order_by: Sequence[ColumnElement[Any]],
    page: PageRequest,
    *,
    descending: bool = False,
) -> tuple[list[Row[Any]], str | None]:
    """Return one page of `select` and the cursor of the next.

    order_by: selected columns, never null, unique together; together they must be what an index can serve.
    Raises a 422 problem for a cursor that no page of this list gave.
    """
    query = select
    if page.cursor is not None:
        after = tuple_(*_bound(page.cursor, order_by))
        here = tuple_(*order_by)
        query = query.where(here < after if descending else here > after)
    query = query.order_by(*(column.desc() if descending else column for column in order_by))
    rows = list(await connection.execute(query.limit(page.limit + 1)))
    if len(rows) <= page.limit:
        return rows, None
    rows = rows[: page.limit]
    return rows, _encode([rows[-1]._mapping[column] for column in order_by])


def _encode(values: Sequence[object]) -> str:
    texts = [value.isoformat() if isinstance(value, date) else str(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def _bound(cursor: str, order_by: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    try:
        texts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        pairs = zip(_listed(texts), order_by, strict=True)
        return [literal(_parse(text, column), column.type) for text, column in pairs]
    except (ValueError, TypeError, InvalidOperation, binascii.Error, RecursionError) as error:
        raise _unknown_cursor() from error


def _listed(texts: object) -> list[object]:
    if not isinstance(texts, list):
        raise TypeError("a cursor is a list")
    return texts


def _parse(text: object, column: ColumnElement[Any]) -> object:
    if not isinstance(text, str) or "\0" in text:
        raise TypeError("a cursor holds texts")
    kind = column.type.python_type
    if isinstance(column.type, Uuid):
        return kind(str(UUID(text)))
    if kind in (datetime, date):
        return kind.fromisoformat(text)
    if kind is int and not -(2**63) <= int(text) < 2**63:
        raise ValueError("a cursor holds numbers that a column can hold")
    if kind in (int, Decimal):
        return kind(text)
    return text


def _unknown_cursor() -> Problem:
    return invalid(
        [FieldError("/query/cursor", "is not a cursor of this list: start again without one", "cursor")]
    )
