"""Settlements read under lock and written back, whatever their number, in a handful of statements.

Every writer locks settlements in the order of trade_id before it reads their instructions, so writers never wait for
one another in a circle and always see the instructions as they are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from operator import attrgetter
from typing import Any

import msgspec
from asyncpg import UniqueViolationError
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy import keys
from backoffice_chassis.secrecy.accounts import Place, without_accounts
from backoffice_chassis.secrecy.envelope import DataKey
from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import bulk
from settlement.processes.case import Case
from settlement.processes.domain import OPEN_STATES, Settlement, state_of
from settlement.processes.tables import settlement as table

_COLUMNS = (
    "trade_id::text, version, trade_version, cancelled, settlement_date, settlement_calendar,"
    " confirmed_trade_version, confirmation_version, confirmed, decision_trade_version, decision_version, decision,"
    " sequence, late, inexpressible, raised::text AS raised, instruction_id, terms, accounts"
)
_LOCK = "ORDER BY trade_id FOR UPDATE"
_BY_TRADE = text(
    f"SELECT {_COLUMNS} FROM settlement WHERE trade_id = ANY(CAST(:ids AS uuid[])) {_LOCK}"  # noqa: S608 - constants
)
_BY_INSTRUCTION = text(
    f"SELECT {_COLUMNS} FROM settlement WHERE trade_id IN"  # noqa: S608 - constants
    f" (SELECT trade_id FROM instruction WHERE instruction_id = ANY(CAST(:ids AS text[]))) {_LOCK}"
)
_OPEN = f"state IN ({', '.join(repr(str(state)) for state in OPEN_STATES)})"
_DUE = text(
    f"SELECT {_COLUMNS} FROM settlement WHERE settlement_calendar = :calendar AND settlement_date <= :until"  # noqa: S608 - constants
    f" AND {_OPEN} {_LOCK}"
)
_ALL_DUE = text(
    "SELECT FROM settlement JOIN unnest(CAST(:calendars AS text[]), CAST(:untils AS date[])) AS day (calendar, until)"
    f" ON settlement_calendar = calendar AND settlement_date <= until WHERE {_OPEN} {_LOCK} OF settlement"
)

_trade_id = attrgetter("settlement.trade_id")
_ACCOUNTS = Place("settlement", "accounts")

_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode = msgspec.json.Decoder(Trade).decode


async def lock_by_trade(
    connection: AsyncConnection, trade_ids: Iterable[str]
) -> tuple[list[Settlement], list[str]]:
    """Lock the settlements of these trades; return them and the trades among them that were instructed."""
    return await _lock(connection, _BY_TRADE, {"ids": sorted(trade_ids)})


async def lock_by_instruction(
    connection: AsyncConnection, instruction_ids: Iterable[str]
) -> tuple[list[Settlement], list[str]]:
    """Lock the settlements that these instructions belong to."""
    return await _lock(connection, _BY_INSTRUCTION, {"ids": sorted(instruction_ids)})


async def lock_due(
    connection: AsyncConnection, calendar: str, until: date
) -> tuple[list[Settlement], list[str]]:
    """Lock the open settlements of a calendar whose settlement date is not after `until`."""
    return await _lock(connection, _DUE, {"calendar": calendar, "until": until})


async def lock_all_due(
    connection: AsyncConnection, days: Sequence[BusinessDayOpened | BusinessDayClosed]
) -> None:
    """Lock what is due by any of these days: day by day, writers could wait for one another in a circle."""
    wanted = {
        "calendars": [day.calendar for day in days],
        "untils": [day.business_date for day in days],
    }
    await connection.execute(_ALL_DUE, wanted)


async def _lock(
    connection: AsyncConnection, statement: TextClause, parameters: Mapping[str, Any]
) -> tuple[list[Settlement], list[str]]:
    settlements: list[Settlement] = []
    instructed: list[str] = []
    rows = (await connection.execute(statement, parameters)).all()
    known = await keys.of_sealed(connection, [row.accounts for row in rows])
    for *fields, raised, instruction_id, terms, accounts in rows:
        settlement = Settlement(*fields)
        if terms is not None:
            settlement.stored = partial(_stored, settlement.trade_id, terms, accounts, known)
        if raised != "{}":
            settlement.raised = msgspec.json.decode(raised)
        settlements.append(settlement)
        if instruction_id is not None:
            instructed.append(settlement.trade_id)
    return settlements, instructed


def _stored(trade_id: str, terms: str, accounts: str | None, known: Mapping[str, DataKey]) -> Trade:
    return _ACCOUNTS.put_back(_decode(terms), accounts, known, trade_id)


async def create(connection: AsyncConnection, cases: Sequence[Case], now: datetime) -> set[str]:
    """Store settlements of trades not known so far; return those that are stored by this.

    One that another transaction created meanwhile is left alone.
    """
    stored: set[str] = set()
    for rows in await _rows(connection, cases, now):
        stored.update(await _store(connection, [{"created_at": now, **row} for row in rows]))
    return stored


async def _store(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Store rows by COPY, which costs half of what INSERT does; by INSERT when another transaction was faster."""
    try:
        async with connection.begin_nested():
            await bulk.append(connection, table, rows)
    except UniqueViolationError:
        found = await bulk.insert(
            connection, table, rows, on_conflict="(trade_id) DO NOTHING", returning=["trade_id"]
        )
        return [row[0] for row in found]
    return [row["trade_id"] for row in rows]


async def update(connection: AsyncConnection, cases: Sequence[Case], now: datetime) -> None:
    """Write the changed parts of settlements back."""
    for rows in await _rows(connection, [case for case in cases if case.changed], now):
        await bulk.update(connection, table, rows, key=["trade_id"])


async def _rows(
    connection: AsyncConnection, cases: Iterable[Case], now: datetime
) -> list[list[dict[str, Any]]]:
    """Return the parts of settlements that changed, rows with the same columns together: one statement each."""
    groups: dict[tuple[tuple[str, ...], bool], list[Case]] = defaultdict(list)
    for case in cases:
        groups[_columns(frozenset(case.changed)), case.new_terms is not None].append(case)
    new_terms = any(with_terms for _, with_terms in groups)
    key = await keys.sealing(connection) if new_terms else None
    return [
        [_row(case, columns, now, key) for case in sorted(group, key=_trade_id)]
        for (columns, _), group in groups.items()
    ]


_PARTS: Mapping[str, tuple[str, ...]] = {
    "trade": ("trade_version", "cancelled", "late", "inexpressible"),
    "confirmation": ("confirmed_trade_version", "confirmation_version", "confirmed"),
    "decision": ("decision_trade_version", "decision_version", "decision"),
    "instruction": ("instruction_id",),
    "sequence": ("sequence",),
    "raised": ("raised",),
}


@cache
def _columns(changed: frozenset[str]) -> tuple[str, ...]:
    """Return the columns of the parts that changed."""
    return ("trade_id", *(name for part in sorted(changed) for name in _PARTS.get(part, ())))


def _row(case: Case, columns: tuple[str, ...], now: datetime, key: DataKey | None) -> dict[str, Any]:
    one = case.settlement
    row = {name: getattr(one, name) for name in columns}
    row["version"] = one.version + 1
    row["state"] = state_of(one).value
    row["updated_at"] = now
    if case.new_terms is not None:
        row |= _terms(case.new_terms, key)
    return row


_TERMS = (
    "source_system",
    "trade_reference",
    "side",
    "isin",
    "instrument_type",
    "currency",
    "quantity",
    "trade_date",
    "settlement_date",
    "settlement_calendar",
    "book",
    "entity_lei",
    "counterparty_lei",
)


def _terms(trade: Trade, key: DataKey | None) -> dict[str, Any]:
    columns = {name: getattr(trade, name) for name in _TERMS}
    columns["amount"] = trade.net_amount
    columns["terms"] = _encode(trade if key is None else without_accounts(trade)).decode()
    columns["accounts"] = None if key is None else _ACCOUNTS.seal(key, trade, trade.trade_id)
    return columns
