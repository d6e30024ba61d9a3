"""One batch takes effect: inbox, parking, handler, dead letters and outbox in a single transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backoffice_events.cloudevents import Received
from backoffice_events.messaging import dead_letters, inbox, parking
from backoffice_events.messaging.batch import Batch, ConsumerSpec, Item, untaken
from backoffice_events.messaging.dead_letters import Condemned
from backoffice_events.messaging.unit import Transactions, UnitOfWork

Verdicts = Mapping[str, str]
"""Reasons by inbox id of items whose condemnation is already known."""


@dataclass(slots=True)
class Outcome:
    """What became of the items of a batch: duplicates are in none of these. events: what the handler was given."""

    taken: int
    condemned: Sequence[Condemned]
    parked: Sequence[Item]
    events: Sequence[Received[Any]]


@dataclass(slots=True)
class _Sorted:
    """A batch's new items: those for the handler, those to condemn and those to park."""

    events: list[Received[Any]] = field(default_factory=list)
    condemned: list[Condemned] = field(default_factory=list)
    parked: list[Item] = field(default_factory=list)


class _OvertakenError(Exception):
    """The handler refused an event of an ordered consumer and had been given later ones of the same key with it."""

    def __init__(self, verdicts: Verdicts) -> None:
        super().__init__()
        self.verdicts = verdicts


class _BlockedError(Exception):
    """An earlier event of a key became a dead letter while the handler waited for a lock of whoever was taking it."""


async def apply(
    transactions: Transactions, spec: ConsumerSpec, items: Sequence[Item], verdicts: Verdicts | None = None
) -> Outcome:
    """Let items take effect in one transaction, or none of them: any exception rolls all of it back."""
    verdicts = verdicts or {}
    while True:
        try:
            async with transactions.begin() as unit:
                return await _apply(unit, spec, items, verdicts)
        except _OvertakenError as overtaken:
            verdicts = {**verdicts, **overtaken.verdicts}
        except _BlockedError:
            continue


async def _apply(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item], verdicts: Verdicts) -> Outcome:
    by_id: dict[str, Item] = {}
    for item in items:
        by_id.setdefault(inbox.inbox_id(item), item)  # of two deliveries of an event the first counts
    new = await inbox.take(unit.connection, spec.group, by_id)
    fresh = {item_id: item for item_id, item in by_id.items() if item_id in new}
    undecided = {item_id: item for item_id, item in fresh.items() if item_id not in verdicts}
    doomed = {**verdicts, **await _untaken(unit, spec, undecided)}
    fresh = {key: item for key, item in fresh.items() if isinstance(item, Received) or key in doomed}
    blocked = await _blocked(unit, spec, fresh.values())
    batch_parts = _sort(fresh, doomed, blocked, ordered=spec.ordered)
    condemned = batch_parts.condemned + await _handle(unit, spec, batch_parts)
    if await _blocked(unit, spec, batch_parts.events):
        raise _BlockedError
    await dead_letters.write(unit, spec.group, condemned)
    await parking.park(unit.connection, spec.group, batch_parts.parked, unit.now)
    taken = len(fresh) - len(condemned) - len(batch_parts.parked)
    return Outcome(taken, condemned, batch_parts.parked, batch_parts.events)


async def _untaken(unit: UnitOfWork, spec: ConsumerSpec, fresh: Mapping[str, Item]) -> dict[str, str]:
    """Return the reasons of undecodable records that the service does not take either, by inbox id."""
    return {inbox.inbox_id(item): item.reason for item in await untaken(unit, spec, fresh.values())}


async def _blocked(unit: UnitOfWork, spec: ConsumerSpec, items: Collection[Item]) -> set[str]:
    if not spec.ordered or not items:
        return set()
    keys = [key for item in items if (key := parking.parking_key(item)) is not None]
    return await parking.blocked_keys(unit.connection, spec.group, keys)


def _sort(fresh: Mapping[str, Item], doomed: Verdicts, blocked: set[str], *, ordered: bool) -> _Sorted:
    parts = _Sorted()
    for item_id, item in fresh.items():
        key = parking.parking_key(item) if ordered else None
        if key is not None and key in blocked:
            parts.parked.append(item)
        elif item_id in doomed:
            parts.condemned.append(Condemned(item, doomed[item_id]))
            if key is not None:
                blocked.add(key)
        elif isinstance(item, Received):
            parts.events.append(item)
    return parts


async def _handle(unit: UnitOfWork, spec: ConsumerSpec, parts: _Sorted) -> list[Condemned]:
    """Hand the events over and return those that were refused."""
    if not parts.events:
        return []
    batch = Batch.within(unit, parts.events)
    await spec.handle(batch)
    if spec.ordered and _overtaken(batch):
        raise _OvertakenError({inbox.inbox_id(each.received): each.reason for each in batch.refused})
    return [Condemned(each.received, each.reason) for each in batch.refused]


def _overtaken(batch: Batch) -> bool:
    """Tell whether an event behind a refused one of its key was handed over too.

    Refused itself or not: without the one before it, that was no verdict.
    """
    refused = {id(each.received) for each in batch.refused}
    keys: set[str] = set()
    for received in batch.events:
        if received.key in keys:
            return True
        if id(received) in refused:
            keys.add(received.key)
    return False
