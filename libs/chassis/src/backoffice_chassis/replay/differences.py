"""Rows that a projection has in one schema and not, or otherwise, in another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import Projection

MOST_SHOWN: Final = 1000

_COMPARED = """
    WITH live AS (SELECT jsonb_build_object({key}) AS key, to_jsonb(r) AS row FROM ({live}) AS r),
        rebuilt AS (SELECT jsonb_build_object({key}) AS key, to_jsonb(r) AS row FROM ({rebuilt}) AS r)
    SELECT key, live.row AS live, rebuilt.row AS rebuilt, count(*) OVER () AS differing
    FROM live FULL JOIN rebuilt USING (key)
    WHERE live.row IS DISTINCT FROM rebuilt.row ORDER BY key LIMIT :most
"""
_COUNT = "SELECT count(*) FROM ({rows}) AS r"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A projection on both sides. differences: the first of them, with `key`, and `live` and `rebuilt` as they are
    there, null where there is no such row; differing: how many there are.
    """

    projection: str
    live_rows: int
    rebuilt_rows: int
    differing: int
    differences: Sequence[dict[str, Any]]


async def compare(connection: AsyncConnection, projection: Projection, live: str, rebuilt: str) -> Comparison:
    """Compare a projection's rows in two schemas of one database."""
    sides = [projection.rows.format(schema=schema) for schema in (live, rebuilt)]
    key = ", ".join(f"'{column}', r.{column}" for column in projection.key)
    statement = text(_COMPARED.format(key=key, live=sides[0], rebuilt=sides[1]))
    found = (await connection.execute(statement, {"most": MOST_SHOWN})).all()
    counts = [int((await connection.execute(text(_COUNT.format(rows=side)))).scalar_one()) for side in sides]
    return Comparison(
        projection=projection.name,
        live_rows=counts[0],
        rebuilt_rows=counts[1],
        differing=found[0].differing if found else 0,
        differences=[{"key": row.key, "live": row.live, "rebuilt": row.rebuilt} for row in found],
    )
