"""Taking kept records once more: a dead letter alone, and the parked events of its key behind it, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Table, TextClause, text

from backoffice_events.cloudevents import Received
from backoffice_events.messaging import dead_letters, inbox, parking
from backoffice_events.messaging.batch import Batch, ConsumerSpec, Item, untaken
from backoffice_events.messaging.dead_letters import Condemned
from backoffice_events.messaging.failures import describe, is_infrastructure
from backoffice_events.messaging.processor import read
from backoffice_events.messaging.tables import parked_event
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
        waiting = await yet_to_take(unit, spec, parked_event, rows)
        part = await take_in_order(unit, spec, list(waiting.values()))
        left = set(list(waiting)[part.seen :])
        await parking.release(unit.connection, [row.seq for row in rows if row.seq not in left])
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


async def yet_to_take(
    unit: UnitOfWork, spec: ConsumerSpec, table: Table, rows: Sequence[Row[Any]]
) -> dict[int, Item]:
    """Return what has yet to take effect of the kept records in a table's rows, by `seq`, in their order.

    One that was undecodable stands in the inbox by its place. Now that it can be read it is entered as the event it is,
    unless that has come by another way in the meantime. Its row is told: it may have to wait for another try.
    """
    waiting: dict[int, Item] = {row.seq: read(parking.record_of(row)) for row in rows}
    readable = {
        row.seq: inbox.inbox_id(item)
        for row in rows
        if isinstance(item := waiting[row.seq], Received) and inbox.inbox_id(item) != str(row.inbox_id)
    }
    if not readable:
        return waiting
    first = {item_id: seq for seq, item_id in reversed(readable.items())}
    entered = {item_id: waiting[seq] for item_id, seq in first.items()}
    new = await inbox.take(unit.connection, spec.group, entered)
    told = {first[item_id]: item_id for item_id in new}
    await unit.connection.execute(_tell(table), {"seqs": list(told), "ids": list(told.values())})
    return {seq: item for seq, item in waiting.items() if seq in told or seq not in readable}


def _tell(table: Table) -> TextClause:
    return text(
        f"UPDATE {table.name} AS kept SET inbox_id = entered.id"  # noqa: S608 -- a table of ours
        " FROM unnest(CAST(:seqs AS bigint[]), CAST(:ids AS uuid[])) AS entered (seq, id)"
        " WHERE kept.seq = entered.seq"
    )


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
