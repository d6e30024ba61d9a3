"""Matching trades anew, whatever the occasion: a confirmation came, the trade changed, somebody accepted."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from backoffice_events.cloudevents import Received
from backoffice_events.contracts.trading import Difference, Trade, TradeConfirmed, TradeMismatched
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork
from trade_capture.confirmation import repository
from trade_capture.confirmation.domain import (
    Confirmation,
    ConfirmationStatus,
    OurSide,
    Outcome,
    ToleranceProfiles,
    match,
)
from trade_capture.trades.domain import ExecutionKey

_NO_TOLERANCES = ToleranceProfiles(())
_SIDES = {side.value: side for side in Side}


class Known(NamedTuple):
    """What was last said of a trade version, to tell whether there is anything new to say."""

    status: str = ConfirmationStatus.UNCONFIRMED
    confirmation_reference: str | None = None
    confirmation_version: int | None = None
    differences: tuple[Difference, ...] = ()
    accepted_by: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns of a trade that hold it."""
        return {
            "confirmation_status": self.status,
            "confirmation_reference": self.confirmation_reference,
            "confirmation_version": self.confirmation_version,
            "differences": self.differences or None,
            "accepted_by": self.accepted_by,
        }


NOTHING_KNOWN = Known()


class Matchable(NamedTuple):
    """A trade to match. known: of this very version. cause: the event that gave the occasion."""

    key: ExecutionKey
    ours: OurSide
    known: Known
    cause: Received[Any] | None


async def rematch(
    unit: UnitOfWork, trades: Sequence[Matchable], by_key: repository.ByKey
) -> dict[str, Known]:
    """Match trades with all confirmations that name them; publish and record what changed.

    Returns the new standing of the trades for which it changed, by trade id; the caller writes it to the trade. The
    caller holds the executions' locks.
    """
    named = [each for each in trades if by_key.get(each.key)]
    if not named:
        return {}
    outcomes = await _outcomes(unit, named, by_key)
    changed: dict[str, Known] = {}
    rows = []
    for each, outcome in zip(named, outcomes, strict=True):
        known = _known(outcome)
        if known == each.known:
            continue
        changed[each.ours.trade_id] = known
        rows.append(_outcome_row(unit, each.ours, outcome, known))
        _publish(unit, each, outcome, known)
    await repository.insert_outcomes(unit.connection, rows)
    return changed


def our_side(trade: Trade | Row[Any]) -> OurSide:
    """Return the terms to be agreed on, of a trade in full or of its row."""
    return OurSide(
        trade.trade_id,
        trade.version,
        trade.counterparty_lei,
        _SIDES[trade.side],
        trade.isin,
        trade.quantity,
        trade.price,
        trade.currency,
        trade.net_amount,
        trade.trade_date,
        trade.settlement_date,
    )


async def _outcomes(
    unit: UnitOfWork, trades: Sequence[Matchable], by_key: Mapping[ExecutionKey, Sequence[Confirmation]]
) -> list[Outcome]:
    """Match each trade; tolerances and acceptances are looked up only when some differ at all."""
    outcomes = [match(each.ours, by_key[each.key], _NO_TOLERANCES) for each in trades]
    differing = [
        each.ours.trade_id for each, outcome in zip(trades, outcomes, strict=True) if outcome.differences
    ]
    if not differing:
        return outcomes
    tolerances = await repository.tolerance_profiles(unit.connection)
    accepted = await repository.acceptances_of(unit.connection, differing)
    return [
        match(each.ours, by_key[each.key], tolerances, accepted.get(each.ours.trade_id, ()))
        if outcome.differences
        else outcome
        for each, outcome in zip(trades, outcomes, strict=True)
    ]


def _known(outcome: Outcome) -> Known:
    spokesman = outcome.confirmation
    if spokesman is None:
        return NOTHING_KNOWN
    return Known(
        outcome.status,
        spokesman.confirmation_reference,
        spokesman.version,
        outcome.differences,
        outcome.accepted_by,
    )


def _publish(unit: UnitOfWork, each: Matchable, outcome: Outcome, known: Known) -> None:
    """Tell the others, unless a confirmation only took the place of one that agreed as well."""
    spokesman = outcome.confirmation
    if spokesman is None or _agrees_as_before(each.known, known):
        return
    if outcome.status is ConfirmationStatus.CONFIRMED:
        event: TradeConfirmed | TradeMismatched = TradeConfirmed(
            trade_id=each.ours.trade_id,
            trade_version=each.ours.trade_version,
            confirmation_reference=spokesman.confirmation_reference,
            confirmation_version=spokesman.version,
            accepted_by=outcome.accepted_by,
        )
    else:
        event = TradeMismatched(
            trade_id=each.ours.trade_id,
            trade_version=each.ours.trade_version,
            confirmation_reference=spokesman.confirmation_reference,
            confirmation_version=spokesman.version,
            differences=outcome.differences,
        )
    unit.publish(event, cause=each.cause)


def _agrees_as_before(before: Known, after: Known) -> bool:
    confirmed = ConfirmationStatus.CONFIRMED
    return before.status == after.status == confirmed and before.accepted_by == after.accepted_by


def _outcome_row(unit: UnitOfWork, ours: OurSide, outcome: Outcome, known: Known) -> dict[str, Any]:
    return {
        "trade_id": ours.trade_id,
        "outcome_id": new_id(),
        "trade_version": ours.trade_version,
        "status": known.status,
        "confirmation_id": outcome.confirmation.confirmation_id if outcome.confirmation else None,
        "confirmation_reference": known.confirmation_reference,
        "confirmation_version": known.confirmation_version,
        "differences": known.differences,
        "accepted_by": known.accepted_by,
        "recorded_at": unit.now,
    }
