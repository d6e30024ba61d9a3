"""Reading and writing trades, each in one statement over a whole batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Row,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy import keys
from backoffice_chassis.secrecy.accounts import Place, without_accounts
from backoffice_chassis.secrecy.envelope import DataKey
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import bulk
from trade_capture.repair.domain import statement_type
from trade_capture.trades.domain import ExecutionKey, Statement
from trade_capture.trades.tables import trade, trade_resend, trade_version

_LOCK = text(
    "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT hashtextextended(name, 0) AS key"
    " FROM unnest(CAST(:names AS text[])) AS name ORDER BY key) AS ordered"
)
# Which executions are meant: queries that join it are made once, and given their `wanted` when they run.
WANTED = (
    func.unnest(bindparam("systems", type_=ARRAY(Text)), bindparam("references", type_=ARRAY(Text)))
    .table_valued("source_system", "trade_reference")
    .render_derived(name="wanted")
)


def wanted(keys: Collection[ExecutionKey]) -> dict[str, list[str]]:
    """Return the parameters that make WANTED these executions."""
    return {
        "systems": [key.source_system for key in keys],
        "references": [key.trade_reference for key in keys],
    }


def same_key(table: FromClause, other: FromClause = WANTED) -> ColumnElement[bool]:
    """Return the condition that a row belongs to the execution of another, or to a wanted one."""
    return (table.c.source_system == other.c.source_system) & (
        table.c.trade_reference == other.c.trade_reference
    )


_KEY = (trade.c.trade_id, trade.c.source_system, trade.c.trade_reference, trade.c.status)
_STANDING: Select[*tuple[Any, ...]] = select(*_KEY, trade.c.source_version, trade.c.repaired).join(
    WANTED, same_key(trade)
)
# Only what is needed: to decode a number or a date costs more than all the matching.
_MATCHABLE: Select[*tuple[Any, ...]] = select(
    *_KEY,
    trade.c.version,
    trade.c.counterparty_lei,
    trade.c.side,
    trade.c.isin,
    trade.c.quantity,
    trade.c.price,
    trade.c.currency,
    trade.c.net_amount,
    trade.c.trade_date,
    trade.c.settlement_date,
    trade.c.confirmation_status,
    trade.c.confirmation_reference,
    trade.c.confirmation_version,
    trade.c.differences,
    trade.c.accepted_by,
).join(WANTED, same_key(trade))
# By a join, not by `= ANY`: a plan made while the table was empty would compare each row with each id.
_IDS = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid(as_uuid=False))))
    .table_valued("trade_id")
    .render_derived(name="wanted")
)
_STATES: Select[*tuple[Any, ...]] = (
    select(
        trade_version.c.trade_id,
        trade_version.c.source_version,
        cast(trade_version.c.state, Text).label("state"),
        trade_version.c.accounts,
    )
    .join(trade, trade.c.trade_id == trade_version.c.trade_id)
    .where(trade.c.source_version == trade_version.c.source_version)
    .join(_IDS, _IDS.c.trade_id == trade.c.trade_id)
)
_ACCOUNTS = Place("trade_version", "accounts")
_decode_trade = msgspec.json.Decoder(Trade).decode


async def lock_executions(connection: AsyncConnection, keys: Iterable[ExecutionKey]) -> None:
    """Become the only one to decide about these executions until the transaction ends.

    Trades, their repairs and their confirmations come from different consumers, and the trade may not exist yet, so
    there is no row to lock: the key itself is locked, in one order everywhere, so that nobody waits in a circle.
    """
    names = sorted({f"{key.source_system}\n{key.trade_reference}" for key in keys})
    await connection.execute(_LOCK, {"names": names})


def trade_join() -> FromClause:
    """Return trades as a relation for other capabilities' queries to join with."""
    return trade.alias("captured")


async def standings(connection: AsyncConnection, keys: Collection[ExecutionKey]) -> Sequence[Row[Any]]:
    """Return how far those trades that exist have come: id, key, source_version, status, repaired."""
    return (await connection.execute(_STANDING, wanted(keys))).all()


async def matchable_trades(connection: AsyncConnection, keys: Collection[ExecutionKey]) -> Sequence[Row[Any]]:
    """Return of those trades that exist what both parties must agree on, and how matching stands."""
    return (await connection.execute(_MATCHABLE, wanted(keys))).all()


async def states(connection: AsyncConnection, trade_ids: Collection[str]) -> dict[str, Trade]:
    """Return the trades in full, as they now stand, by id."""
    rows = (await connection.execute(_STATES, {"ids": list(trade_ids)})).all()
    known = await keys.of_sealed(connection, [row.accounts for row in rows])
    return {
        row.trade_id: _ACCOUNTS.put_back(
            _decode_trade(row.state), row.accounts, known, row.trade_id, str(row.source_version)
        )
        for row in rows
    }


async def statements(
    connection: AsyncConnection, versions: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Statement]:
    """Return what the front office stated under those (trade id, version)s."""
    ids = bindparam("ids", [trade_id for trade_id, _ in versions], ARRAY(Uuid(as_uuid=False)))
    numbers = bindparam("numbers", [version for _, version in versions], ARRAY(Integer))
    wanted = (
        func.unnest(ids, numbers).table_valued("trade_id", "source_version").render_derived(name="wanted")
    )
    columns = trade_version.c
    query = select(
        columns.trade_id, columns.source_version, columns.event_type, cast(columns.statement, Text)
    ).join(
        wanted,
        (columns.trade_id == wanted.c.trade_id) & (columns.source_version == wanted.c.source_version),
    )
    return {
        (row[0], row[1]): msgspec.json.decode(row[3], type=statement_type(row[2]))
        for row in await connection.execute(query)
    }


async def insert_trades(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write trades that are new."""
    await bulk.append(connection, trade, rows)


async def update_trades(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change trades, found by trade_id, to the other columns of the rows."""
    await bulk.update(connection, trade, rows, key=("trade_id",))


async def insert_versions(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what was taken in. state: the trade, whose accounts rest encrypted."""
    if rows:
        key = await keys.sealing(connection)
        at_rest = rows if key is None else [_sealed(row, key) for row in rows]
        await bulk.append(connection, trade_version, at_rest)


def _sealed(row: Mapping[str, Any], key: DataKey) -> dict[str, Any]:
    state = row["state"]
    accounts = _ACCOUNTS.seal(key, state, row["trade_id"], str(row["source_version"]))
    return {**row, "state": without_accounts(state), "accounts": accounts}


async def insert_resends(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what had been there before."""
    await bulk.insert(connection, trade_resend, rows)
