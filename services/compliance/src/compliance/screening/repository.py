"""Set-based reads and writes of counterparties and their screenings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Row, Text, any_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.messaging import bulk
from compliance.screening.domain import Counterparty, Screening
from compliance.screening.tables import counterparty, sanctions_entry, sanctions_list, screening

_decoder = msgspec.json.Decoder(Screening)

_CURRENT_LISTS = (
    select(sanctions_list.c.list_kind, sanctions_list.c.list_id)
    .ext(distinct_on(sanctions_list.c.list_kind))
    .order_by(sanctions_list.c.list_kind, sanctions_list.c.version.desc())
)

_CURRENT_SCREENINGS = (
    select(counterparty.c.lei, cast(screening.c.record, Text).label("record"))
    .join(screening, screening.c.screening_id == counterparty.c.screening_id)
    .where(counterparty.c.lei == any_(bindparam("leis", type_=ARRAY(Text))))
    .where(counterparty.c.screened_as == bindparam("basis"))
)

_STALE = (
    select(counterparty)
    .where(counterparty.c.screened_as.is_distinct_from(bindparam("basis")))
    .order_by(counterparty.c.lei)
    .limit(bindparam("most"))
    .with_for_update()
)


def basis_of(lists: dict[str, str], algorithm: str) -> str:
    """Name what a screening stood on: it is current while this is still what a new one would stand on."""
    return "|".join([algorithm, *(f"{kind}={version}" for kind, version in sorted(lists.items()))])


async def current_lists(connection: AsyncConnection) -> dict[str, str]:
    """Return the id of the newest version of each list that was loaded."""
    return {row.list_kind: row.list_id for row in await connection.execute(_CURRENT_LISTS)}


async def current_screenings(
    connection: AsyncConnection, leis: Collection[str], basis: str
) -> dict[str, Screening]:
    """Return the screenings that stand: of the party as it is now, on the basis of now."""
    rows = await connection.execute(_CURRENT_SCREENINGS, {"leis": list(leis), "basis": basis})
    return {row.lei: _decoder.decode(row.record) for row in rows}


async def save_counterparties(connection: AsyncConnection, parties: Sequence[Counterparty]) -> None:
    """Keep the newest version of each; one that changed has to be screened again."""
    latest: dict[str, Counterparty] = {}
    for party in parties:
        if party.lei not in latest or latest[party.lei].version <= party.version:
            latest[party.lei] = party
    await bulk.insert(
        connection,
        counterparty,
        [msgspec.structs.asdict(latest[lei]) for lei in sorted(latest)],
        on_conflict="(lei) DO UPDATE SET version = excluded.version, name = excluded.name, bic = excluded.bic,"
        " country = excluded.country, screening_id = NULL, screened_as = NULL"
        " WHERE counterparty.version < excluded.version",
    )


async def stale_counterparties(connection: AsyncConnection, basis: str, most: int) -> list[Counterparty]:
    """Return and lock counterparties whose screening does not stand on the basis, at most so many."""
    rows = await connection.execute(_STALE, {"basis": basis, "most": most})
    return [_counterparty(row) for row in rows]


async def save_screenings(
    connection: AsyncConnection, screenings: Sequence[Screening], basis: str, now: datetime
) -> None:
    """Add screenings and let the counterparties point at them."""
    added = [
        {
            "screening_id": made.screening_id,
            "lei": made.counterparty.lei,
            "record": made,
            "top_score": max((match.score for match in made.matches), default=Decimal(0)),
            "screened_at": now,
        }
        for made in screenings
    ]
    await bulk.insert(connection, screening, added)
    pointers = [
        {"lei": made.counterparty.lei, "screening_id": made.screening_id, "screened_as": basis}
        for made in screenings
    ]
    await bulk.update(connection, counterparty, pointers, key=["lei"])


async def digests(
    connection: AsyncConnection, lei: str, list_kind: str, entry_id: str
) -> dict[str, str] | None:
    """Return digests of a counterparty and of a list entry as they are now, None when either is not known."""
    party = (await connection.execute(select(counterparty).where(counterparty.c.lei == lei))).one_or_none()
    list_id = (await current_lists(connection)).get(list_kind)
    found = select(sanctions_entry.c.digest).where(
        sanctions_entry.c.list_id == list_id, sanctions_entry.c.entry_id == entry_id
    )
    digest = None if list_id is None else (await connection.execute(found)).scalar_one_or_none()
    if party is None or digest is None:
        return None
    return {"counterparty_digest": _counterparty(party).digest, "entry_digest": digest}


def _counterparty(row: Row[Any]) -> Counterparty:
    return Counterparty(lei=row.lei, version=row.version, name=row.name, bic=row.bic, country=row.country)
