"""Reading and writing confirmations, each in one statement over a whole batch."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.vocabulary import Side
from backoffice_events.messaging import bulk
from trade_capture.confirmation.domain import (
    Acceptance,
    Confirmation,
    ConfirmationStatus,
    DatedTolerance,
    Tolerance,
    TolerancedField,
    ToleranceProfiles,
    ToleranceRule,
)
from trade_capture.confirmation.tables import (
    confirmation,
    confirmation_acceptance,
    confirmation_outcome,
    tolerance,
)
from trade_capture.trades.domain import ExecutionKey
from trade_capture.trades.repository import WANTED, same_key, wanted

ByKey = Mapping[ExecutionKey, Sequence[Confirmation]]

_KEY = (confirmation.c.source_system, confirmation.c.trade_reference)
_CONFIRMATIONS = select(*_KEY, *(confirmation.c[name] for name in Confirmation._fields)).join(
    WANTED, same_key(confirmation)
)
_SIDES = {side.value: side for side in Side}


async def confirmations_of(
    connection: AsyncConnection, keys: Collection[ExecutionKey]
) -> defaultdict[ExecutionKey, list[Confirmation]]:
    """Return every confirmation that names one of these executions."""
    found: defaultdict[ExecutionKey, list[Confirmation]] = defaultdict(list)
    for row in await connection.execute(_CONFIRMATIONS, wanted(keys)):
        found[ExecutionKey(row.source_system, row.trade_reference)].append(as_confirmation(row))
    return found


async def received_for(connection: AsyncConnection, trade: Row[Any]) -> Sequence[Row[Any]]:
    """Return the rows of every confirmation that names a trade's execution."""
    query = select(confirmation).where(
        confirmation.c.source_system == trade.source_system,
        confirmation.c.trade_reference == trade.trade_reference,
    )
    return (await connection.execute(query)).all()


async def outcomes_of(connection: AsyncConnection, trade_id: str) -> Sequence[Row[Any]]:
    """Return the history of matching a trade."""
    query = select(confirmation_outcome).where(confirmation_outcome.c.trade_id == trade_id)
    return (await connection.execute(query.order_by(confirmation_outcome.c.outcome_id))).all()


async def acceptance_rows(connection: AsyncConnection, trade_id: str) -> Sequence[Row[Any]]:
    """Return what was accepted for a trade, and why."""
    query = select(confirmation_acceptance).where(confirmation_acceptance.c.trade_id == trade_id)
    return (await connection.execute(query.order_by(confirmation_acceptance.c.acceptance_id))).all()


def ever_mismatched(trade_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a trade was mismatched at some time, or somebody had to accept a difference."""
    touched = (confirmation_outcome.c.status == ConfirmationStatus.MISMATCHED.value) | (
        confirmation_outcome.c.accepted_by.is_not(None)
    )
    return exists().where(confirmation_outcome.c.trade_id == trade_id, touched)


async def insert_confirmations(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write confirmations whose content is new. The caller holds their executions' locks."""
    await bulk.append(connection, confirmation, rows)


async def insert_outcomes(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to the history of matching."""
    await bulk.append(connection, confirmation_outcome, rows)


async def acceptances_of(
    connection: AsyncConnection, trade_ids: Collection[str]
) -> dict[str, list[Acceptance]]:
    """Return what was accepted for these trades, by trade id, the latest first."""
    ids = bindparam("ids", list(trade_ids), ARRAY(Uuid(as_uuid=False)))
    query = select(confirmation_acceptance).where(confirmation_acceptance.c.trade_id == func.any(ids))
    found: dict[str, list[Acceptance]] = defaultdict(list)
    for row in await connection.execute(query.order_by(confirmation_acceptance.c.acceptance_id.desc())):
        acceptance = Acceptance(
            row.trade_version, row.confirmation_id, frozenset(row.standing), row.accepted_by
        )
        found[row.trade_id].append(acceptance)
    return found


async def insert_acceptance(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Record that somebody accepted a confirmation."""
    await bulk.insert(connection, confirmation_acceptance, [row])


async def tolerance_profiles(connection: AsyncConnection) -> ToleranceProfiles:
    """Return every tolerance on record."""
    rows = await connection.execute(select(tolerance).order_by(tolerance.c.tolerance_id))
    return ToleranceProfiles([as_tolerance(row) for row in rows])


async def insert_tolerances(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record tolerances."""
    await bulk.insert(connection, tolerance, rows)


def as_confirmation(row: Row[Any]) -> Confirmation:
    """Return the confirmation that a row holds."""
    return Confirmation(
        row.confirmation_id,
        row.fingerprint,
        row.counterparty_lei,
        row.confirmation_reference,
        row.version,
        _SIDES[row.side],
        row.isin,
        row.quantity,
        row.price,
        row.currency,
        row.net_amount,
        row.trade_date,
        row.settlement_date,
    )


def as_tolerance(row: Row[Any]) -> DatedTolerance:
    """Return the tolerance that a row holds."""
    rule = Tolerance(ToleranceRule(row.rule), row.percentage, row.minimum, row.maximum, row.units)
    return DatedTolerance(row.counterparty_lei, TolerancedField(row.field), row.effective_from, rule)
