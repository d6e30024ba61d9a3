"""What a batch of trades needs to know and what follows from it, in a few set-based statements."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, Text, Uuid, any_, bindparam, cast, delete, func, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import bulk
from compliance.checks.assessment import Decision, TradeState, Waiting
from compliance.checks.domain import Status
from compliance.checks.positions import Contribution, Net, Positions, contribution
from compliance.checks.tables import decision, exposure, position, trade, waiting

_trades = msgspec.json.Decoder(Trade)
_missing = msgspec.json.Decoder(tuple[str, ...])

_IDS = bindparam("ids", type_=ARRAY(Uuid(as_uuid=False)))
_ONE_AT_A_TIME = select(func.pg_advisory_xact_lock(func.hashtextextended("compliance positions", 0)))
_STATES = select(trade).where(trade.c.trade_id == any_(_IDS)).order_by(trade.c.trade_id).with_for_update()
_TWINS = select(trade.c.trade_id, trade.c.fingerprint).where(
    trade.c.fingerprint == any_(bindparam("fingerprints", type_=ARRAY(BigInteger))), ~trade.c.cancelled
)
_last, _judged = decision.alias("last"), decision.alias("judged")
# People release without inputs: these are those of the checks that held the same version.
_CLEARED_BEFORE = (
    select(trade.c.trade_id, cast(_judged.c.inputs["trade"], Text).label("trade"))
    .join(_last, _last.c.decision_id == trade.c.decision_id)
    .join(
        _judged,
        (_judged.c.trade_id == _last.c.trade_id) & (_judged.c.trade_version == _last.c.trade_version),
    )
    .where(trade.c.trade_id == any_(_IDS), _last.c.status == Status.CLEARED, _judged.c.inputs.is_not(null()))
)
_WAITING = (
    select(
        waiting.c.deadline,
        cast(waiting.c.trade, Text).label("trade"),
        cast(waiting.c.missing, Text).label("missing"),
    )
    .order_by(waiting.c.trade_id)
    .limit(bindparam("most"))
)
_STOP_WAITING = delete(waiting).where(waiting.c.trade_id == any_(_IDS))


def _keys(*columns: Any) -> Any:
    arrays = [bindparam(column.name, type_=ARRAY(Text)) for column in columns]
    return func.unnest(*arrays).table_valued(*(column.name for column in columns)).render_derived()


_NET_KEY = ("scope", "name", "isin", "currency")
_GROSS_KEY = ("scope", "name", "currency")
_wanted_nets = _keys(position.c.scope, position.c.name, position.c.isin, position.c.currency)
_NETS = select(position).join(
    _wanted_nets,
    (position.c.scope == _wanted_nets.c.scope)
    & (position.c.name == _wanted_nets.c.name)
    & (position.c.isin == _wanted_nets.c.isin)
    & (position.c.currency == _wanted_nets.c.currency),
)
_wanted_gross = _keys(exposure.c.scope, exposure.c.name, exposure.c.currency)
_GROSS = select(exposure).join(
    _wanted_gross,
    (exposure.c.scope == _wanted_gross.c.scope)
    & (exposure.c.name == _wanted_gross.c.name)
    & (exposure.c.currency == _wanted_gross.c.currency),
)


async def take_turns(connection: AsyncConnection) -> None:
    """Let one batch at a time change positions: limits are exact only when trades are counted one after another."""
    await connection.execute(_ONE_AT_A_TIME)


async def states(connection: AsyncConnection, trade_ids: Sequence[str]) -> dict[str, TradeState]:
    """Return and lock what is held of the trades."""
    rows = await connection.execute(_STATES, {"ids": list(trade_ids)})
    return {row.trade_id: _state(row) for row in rows}


async def cleared_before(connection: AsyncConnection, held: Iterable[TradeState]) -> dict[str, Contribution]:
    """Return what the version before adds, of trades of which a version waits, if that one was cleared."""
    waits = [state.trade_id for state in held if state.status is None and state.decision_id is not None]
    if not waits:
        return {}
    rows = await connection.execute(_CLEARED_BEFORE, {"ids": waits})
    return {row.trade_id: contribution(_trades.decode(row.trade)) for row in rows}


async def twins(connection: AsyncConnection, fingerprints: Sequence[int]) -> dict[int, set[str]]:
    """Return the ids of live trades by fingerprint."""
    found: dict[int, set[str]] = {}
    for row in await connection.execute(_TWINS, {"fingerprints": list(set(fingerprints))}):
        found.setdefault(row.fingerprint, set()).add(row.trade_id)
    return found


async def positions(connection: AsyncConnection, touched: Sequence[Contribution]) -> Positions:
    """Return the positions that these trades are part of."""
    keys = {(scope, name, each.isin, each.currency) for each in touched for scope, name in each.scopes()}
    gross_keys = {(scope, name, currency) for scope, name, _, currency in keys}
    known = Positions()
    nets = await connection.execute(_NETS, _columns(_NET_KEY, sorted(keys)))
    for scope, name, isin, currency, quantity, price in nets:
        known.nets[scope, name, isin, currency] = Net(quantity, price)
    exposures = await connection.execute(_GROSS, _columns(_GROSS_KEY, sorted(gross_keys)))
    for scope, name, currency, gross in exposures:
        known.gross[scope, name, currency] = gross
    return known


def _columns(names: Sequence[str], keys: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: [key[number] for key in keys] for number, name in enumerate(names)}


async def save_states(connection: AsyncConnection, changed: Sequence[TradeState]) -> None:
    """Write what is now held of the trades. Whoever took their turn is the only one to add a trade."""
    await bulk.append(connection, trade, [_row(state) for state in changed if state.new])
    held = [_row(state) for state in changed if not state.new]
    await bulk.update(connection, trade, held, key=["trade_id"])


async def save_decisions(connection: AsyncConnection, made: Sequence[Decision]) -> None:
    """Add decisions to the history."""
    await bulk.append(connection, decision, [_decision(each) for each in made])


def _decision(made: Decision) -> dict[str, Any]:
    return {**msgspec.structs.asdict(made), "book": made.inputs.trade.book if made.inputs else None}


async def save_positions(connection: AsyncConnection, known: Positions) -> None:
    """Write the positions that were read, as they are now."""
    nets = [
        {
            "scope": key[0],
            "name": key[1],
            "isin": key[2],
            "currency": key[3],
            "quantity": net.quantity,
            "price": net.price,
        }
        for key, net in known.nets.items()
    ]
    await bulk.insert(
        connection,
        position,
        nets,
        on_conflict="(scope, name, isin, currency) DO UPDATE SET quantity = excluded.quantity,"
        " price = excluded.price",
    )
    gross = [
        {"scope": scope, "name": name, "currency": currency, "gross": amount}
        for (scope, name, currency), amount in known.gross.items()
    ]
    await bulk.insert(
        connection,
        exposure,
        gross,
        on_conflict="(scope, name, currency) DO UPDATE SET gross = excluded.gross",
    )


async def waiting_trades(connection: AsyncConnection, most: int) -> list[Waiting]:
    """Return trades that wait for reference data, the oldest first."""
    rows = await connection.execute(_WAITING, {"most": most})
    return [
        Waiting(trade=_trades.decode(row.trade), missing=_missing.decode(row.missing), deadline=row.deadline)
        for row in rows
    ]


async def save_waiting(connection: AsyncConnection, changes: dict[str, Waiting | None]) -> None:
    """Let trades wait, and others (None) wait no more."""
    done = [trade_id for trade_id, each in changes.items() if each is None]
    if done:
        await connection.execute(_STOP_WAITING, {"ids": done})
    rows = [
        {"trade_id": trade_id, "trade": each.trade, "missing": each.missing, "deadline": each.deadline}
        for trade_id, each in changes.items()
        if each is not None
    ]
    await bulk.insert(
        connection,
        waiting,
        rows,
        on_conflict="(trade_id) DO UPDATE SET trade = excluded.trade, missing = excluded.missing,"
        " deadline = excluded.deadline",
    )


def _state(row: Row[Any]) -> TradeState:
    return TradeState(
        trade_id=row.trade_id,
        version=row.version,
        fingerprint=row.fingerprint,
        contribution=msgspec.convert(row.contribution, Contribution),
        cancelled=row.cancelled,
        status=None if row.status is None else Status(row.status),
        decision_id=row.decision_id,
        decision_version=row.decision_version,
        case_id=row.case_id,
    )


def _row(state: TradeState) -> dict[str, Any]:
    return {
        "trade_id": state.trade_id,
        "version": state.version,
        "fingerprint": state.fingerprint,
        "contribution": state.contribution,
        "cancelled": state.cancelled,
        "status": state.status,
        "decision_id": state.decision_id,
        "decision_version": state.decision_version,
        "case_id": state.case_id,
    }
