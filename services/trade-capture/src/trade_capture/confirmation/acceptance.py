"""Accepting a confirmation that differs: somebody's recorded word, in place of agreement."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from backoffice_chassis import Principal, conflict, not_found
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork
from trade_capture.confirmation import repository
from trade_capture.confirmation.domain import Confirmation, ConfirmationStatus, candidates
from trade_capture.confirmation.handlers import match_executions
from trade_capture.confirmation.queries import confirmation_in_scope
from trade_capture.confirmation.rematch import our_side
from trade_capture.confirmation.tables import confirmation
from trade_capture.trades import repository as trades
from trade_capture.trades.domain import ExecutionKey


async def accept(
    unit: UnitOfWork, confirmation_id: str, *, trade_version: int, reason: str, by: Principal
) -> Row[Any]:
    """Record the acceptance, match the trade anew, and return its row.

    Raises problems: 404 for no such confirmation, 409 when there is no such mismatch (any more).
    """
    query = select(confirmation).where(
        confirmation.c.confirmation_id == confirmation_id, confirmation_in_scope(by.scope)
    )
    accepted = (await unit.connection.execute(query)).one_or_none()
    if accepted is None:
        raise not_found("confirmation", confirmation_id)
    key = ExecutionKey(accepted.source_system, accepted.trade_reference)
    await trades.lock_executions(unit.connection, [key])
    trade = await _mismatched_trade(unit, key, trade_version)
    by_key = await repository.confirmations_of(unit.connection, [key])
    standing = _standing(trade, by_key[key], confirmation_id)
    await repository.insert_acceptance(
        unit.connection,
        {
            "trade_id": trade.trade_id,
            "acceptance_id": new_id(),
            "trade_version": trade_version,
            "confirmation_id": confirmation_id,
            "standing": standing,
            "accepted_by": by.subject,
            "reason": reason,
            "recorded_at": unit.now,
        },
    )
    await match_executions(unit, {key: None}, by_key)
    return (await trades.matchable_trades(unit.connection, [key]))[0]


async def _mismatched_trade(unit: UnitOfWork, key: ExecutionKey, trade_version: int) -> Row[Any]:
    rows = await trades.matchable_trades(unit.connection, [key])
    trade = rows[0] if rows else None
    if trade is None or trade.status != "CAPTURED":
        raise conflict("no-live-trade", "There is no live trade that this confirmation could confirm.")
    if trade.version != trade_version:
        raise conflict("trade-amended", f"The trade is at version {trade.version} now: look at it again.")
    if trade.confirmation_status != ConfirmationStatus.MISMATCHED:
        raise conflict(
            "not-mismatched", f"The trade is {trade.confirmation_status}: there is nothing to accept."
        )
    return trade


def _standing(trade: Row[Any], known: Sequence[Confirmation], confirmation_id: str) -> list[str]:
    standing = [each.confirmation_id for each in candidates(our_side(trade), known)]
    if confirmation_id not in standing:
        raise conflict("superseded", "The confirmation no longer stands: accept the one that does.")
    return standing
