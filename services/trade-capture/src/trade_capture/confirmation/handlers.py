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
    usable = []
    for received in batch.events:
        if faults := list(confirmation_faults(received.event)):
            batch.refuse(received, "; ".join(faults))
        else:
            usable.append((_key(received.event), received))
    if not usable:
        return
    keys = dict.fromkeys(key for key, _ in usable)
    await trades.lock_executions(batch.connection, keys)
    by_key = await repository.confirmations_of(batch.connection, keys)
    rows: list[dict[str, Any]] = []
    causes: dict[ExecutionKey, Received[Any] | None] = {}
    for key, received in usable:
        stated, known = _confirmation(received.event), by_key[key]
        if any(stated.fingerprint == each.fingerprint for each in known):
            continue
        known.append(stated)
        rows.append(_row(batch, received, stated))
        causes[key] = received
    await repository.insert_confirmations(batch.connection, rows)
    if causes:
        await match_executions(batch, causes, by_key)


async def match_executions(unit: UnitOfWork, causes: _Causes, by_key: repository.ByKey) -> None:
    """Match the trades of these executions anew, by all confirmations that name them. The caller holds their locks."""
    rows = await trades.matchable_trades(unit.connection, causes)
    live = [matchable(row, causes) for row in rows if row.status != "CANCELLED"]
    if not live:
        return
    changed = await rematch(unit, live, by_key)
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
        msgspec.convert(row.differences, type=_Differences) if row.differences else (),
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


def _key(event: ConfirmationSent) -> ExecutionKey:
    return ExecutionKey(event.source_system, event.trade_reference)


def _confirmation(event: ConfirmationSent) -> Confirmation:
    return Confirmation(
        new_id(),
        blake2b(msgspec.json.encode(event), digest_size=16).hexdigest(),
        event.counterparty_lei,
        event.confirmation_reference,
        event.version,
        event.side,
        event.isin,
        event.quantity,
        event.price,
        event.currency,
        event.net_amount,
        event.trade_date,
        event.settlement_date,
    )


def _row(batch: Batch, received: Received[ConfirmationSent], stated: Confirmation) -> dict[str, Any]:
    return {
        **stated._asdict(),
        "source_system": received.event.source_system,
        "trade_reference": received.event.trade_reference,
        "event_id": received.event_id,
        "received_at": batch.now,
    }
