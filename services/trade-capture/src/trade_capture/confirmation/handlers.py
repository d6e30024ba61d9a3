"""Confirmations from Kafka: what counterparties send, in any order, before or after the trade."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Row

from backoffice_events.cloudevents import Received
from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.trading import Difference
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, ConsumerSpec, UnitOfWork
from trade_capture.confirmation import repository
from trade_capture.confirmation.domain import Confirmation
from trade_capture.confirmation.rematch import Known, Matchable, our_side, rematch
from trade_capture.trades import repository as trades
from trade_capture.trades.domain import ExecutionKey, name_fault, version_fault
from trade_capture.trades.domain.numbers import number_fault

GROUP = "trade-capture.confirmations"

_NAMES = (
    "source_system",
    "trade_reference",
    "counterparty_lei",
    "confirmation_reference",
    "isin",
    "currency",
)
_NUMBERS = ("quantity", "price", "net_amount")

_Differences = tuple[Difference, ...]
_Causes = Mapping[ExecutionKey, Received[Any] | None]


def consumer() -> ConsumerSpec:
    """Return what to consume and how."""
    return ConsumerSpec(group=GROUP, contracts=(ConfirmationSent,), handle=handle)


async def handle(batch: Batch) -> None:
    """Record a batch of confirmations and match the trades they name, as far as those are there."""
    rows = []
    sent: dict[str, tuple[ExecutionKey, Confirmation]] = {}
    causes: dict[ExecutionKey, Received[Any] | None] = {}
    for received in batch.events:
        faults = list(confirmation_faults(received.event))
        if faults:
            batch.refuse(received, "; ".join(faults))
            continue
        key = ExecutionKey(received.event.source_system, received.event.trade_reference)
        causes[key] = received
        row = _row(batch, received)
        rows.append(row)
        sent[row["confirmation_id"]] = key, _confirmation(row)
    if not rows:
        return
    await trades.lock_executions(batch.connection, causes)
    new: dict[ExecutionKey, list[Confirmation]] = {}
    for confirmation_id in await repository.insert_confirmations(batch.connection, rows):
        key, confirmation = sent[confirmation_id]
        new.setdefault(key, []).append(confirmation)
    if new:
        await match_executions(batch, {key: causes[key] for key in new}, new)


async def match_executions(
    unit: UnitOfWork, causes: _Causes, received: repository.ByKey | None = None
) -> None:
    """Match the trades of these executions anew. The caller holds their locks.

    received: confirmations that were written just now, and so need not be read.
    """
    rows = await trades.matchable_trades(unit.connection, causes)
    live = [matchable(row, causes) for row in rows if row.status != "CANCELLED"]
    if not live:
        return
    changed = await rematch(unit, live, received)
    updates = [
        {"trade_id": trade_id, "updated_at": unit.now, **known.columns()}
        for trade_id, known in changed.items()
    ]
    await trades.update_trades(unit.connection, updates)


def matchable(row: Row[Any], causes: _Causes) -> Matchable:
    """Return a trade's row as what is to be matched."""
    key = ExecutionKey(row.source_system, row.trade_reference)
    known = Known(
        row.confirmation_status,
        row.confirmation_reference,
        row.confirmation_version,
        msgspec.convert(row.differences or (), type=_Differences),
        row.accepted_by,
    )
    return Matchable(key, our_side(row), known, causes.get(key))


def confirmation_faults(event: ConfirmationSent) -> Iterator[str]:
    """Yield what makes a confirmation unusable, field by field."""
    for field in _NAMES:
        if fault := name_fault(getattr(event, field)):
            yield f"{field} {fault}"
    for field in _NUMBERS:
        number = getattr(event, field)
        if fault := number_fault(number) or (None if number >= 0 else "must not be negative"):
            yield f"{field} {fault}"
    if fault := version_fault(event.version):
        yield f"version {fault}"


def _row(batch: Batch, received: Received[ConfirmationSent]) -> dict[str, Any]:
    event = received.event
    return {
        "confirmation_id": new_id(),
        "source_system": event.source_system,
        "trade_reference": event.trade_reference,
        "counterparty_lei": event.counterparty_lei,
        "confirmation_reference": event.confirmation_reference,
        "version": event.version,
        "fingerprint": blake2b(msgspec.json.encode(event), digest_size=16).hexdigest(),
        "side": event.side,
        "isin": event.isin,
        "quantity": event.quantity,
        "price": event.price,
        "currency": event.currency,
        "net_amount": event.net_amount,
        "trade_date": event.trade_date,
        "settlement_date": event.settlement_date,
        "event_id": received.event_id,
        "received_at": batch.now,
    }


def _confirmation(row: Mapping[str, Any]) -> Confirmation:
    return Confirmation._make([row[name] for name in Confirmation._fields])
