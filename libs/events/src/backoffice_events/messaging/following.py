"""Taking kept records once more: a dead letter alone, and the parked events of its key behind it, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backoffice_events.cloudevents import Received
from backoffice_events.messaging import dead_letters, inbox, parking
from backoffice_events.messaging.batch import Batch, ConsumerSpec, Item, untaken
from backoffice_events.messaging.dead_letters import Condemned
from backoffice_events.messaging.failures import describe, is_infrastructure
from backoffice_events.messaging.processor import read
from backoffice_events.messaging.unit import UnitOfWork

FOLLOWERS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of parked events. taken: how many took effect. refused: why the next one became a dead letter itself,
    behind which the rest goes on waiting; None when none did.
    """

    taken: int = 0
    refused: str | None = None

    @property
    def seen(self) -> int:
        """How many need not be kept any longer: those taken, and the one at fault."""
        return self.taken + (self.refused is not None)


async def follow(unit: UnitOfWork, spec: ConsumerSpec, key: str) -> Followed:
    """Take the parked events of a key until none is left or one of them becomes a dead letter itself."""
    taken = 0
    while spec.ordered:
        rows = await parking.parked(unit.connection, spec.group, key, FOLLOWERS_AT_ONCE)
        if not rows:
            break
        part = await take_in_order(unit, spec, [read(parking.record_of(row)) for row in rows])
        await parking.release(unit.connection, [row.seq for row in rows[: part.seen]])
        taken += part.taken
        if part.refused is not None:
            return Followed(taken, part.refused)
    return Followed(taken)


async def take_in_order(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item]) -> Followed:
    """Take kept items of a key together, or else one by one up to the one at fault, which becomes a dead letter."""
    if await attempt(unit, spec, items) is None:
        return Followed(len(items))
    for number, item in enumerate(items):
        reason = await attempt(unit, spec, [item])
        if reason is not None:
            await dead_letters.write(unit, spec.group, [Condemned(item, reason)])
            return Followed(number, reason)
    return Followed(len(items))


async def is_new(unit: UnitOfWork, spec: ConsumerSpec, item: Item, entered_as: str) -> bool:
    """Tell whether an item has yet to take effect.

    One that was undecodable stands in the inbox by its place; now that it can be read, the same event may have come
    by another way in the meantime.
    """
    item_id = inbox.inbox_id(item)
    if item_id == entered_as:
        return True
    return bool(await inbox.take(unit.connection, spec.group, {item_id: item}, unit.now))


async def attempt(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item]) -> str | None:
    """Let items take effect inside the unit, all or none; return the reason when none did."""
    savepoint = await unit.connection.begin_nested()
    try:
        trial = UnitOfWork(unit.connection, now=unit.now, source=unit.source)
        reason = await _hand_over(trial, spec, items)
    except Exception as error:
        if is_infrastructure(error):
            raise
        reason = describe(error)
    if reason is None:
        await savepoint.commit()
        unit.adopt(trial)
    else:
        await savepoint.rollback()
    return reason


async def _hand_over(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item]) -> str | None:
    if refused := await untaken(unit, spec, items):
        return refused[0].reason
    events = [item for item in items if isinstance(item, Received)]
    if not events:
        return None
    batch = Batch.within(unit, events)
    await spec.handle(batch)
    return batch.refused[0].reason if batch.refused else None
