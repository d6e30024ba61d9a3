"""Second chances: a dead letter goes through its consumer's handler again, or is discarded, and its followers go on.

Both run in one transaction per dead letter, hold its row against live events of the key, are recorded with who and
why, and do nothing when somebody else was faster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, text, update

from backoffice_events.cloudevents import Received
from backoffice_events.messaging import bulk, dead_letters, inbox, parking
from backoffice_events.messaging.batch import Batch, ConsumerSpec, Item, Undecodable
from backoffice_events.messaging.dead_letters import DISCARDED, OPEN, REDRIVEN, Condemned
from backoffice_events.messaging.failures import clean, describe, is_infrastructure
from backoffice_events.messaging.processor import read
from backoffice_events.messaging.tables import dead_letter, dead_letter_action
from backoffice_events.messaging.unit import Transactions, UnitOfWork

FOLLOWERS_AT_ONCE: Final = 500

_LOCK = text("SELECT * FROM dead_letter WHERE id = CAST(:id AS uuid) FOR UPDATE")
_ELDER = text(
    "SELECT id::text FROM dead_letter WHERE consumer = :consumer AND key = :key AND status = 'open'"
    " AND seq < :seq ORDER BY seq LIMIT 1".replace("::", r"\:\:")
)


class Result(StrEnum):
    """What became of a dead letter.

    ALREADY_DONE: it was redriven or discarded before. FAILED: the handler refused it again; it stays open.
    WAITS_FOR_ELDER: an older dead letter of its key has to be dealt with first.
    """

    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    ALREADY_DONE = "already done"
    FAILED = "failed"
    WAITS_FOR_ELDER = "waits for an older one"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one dead letter, with the reason of a failure. followers: parked events that went on."""

    dead_letter_id: str
    result: Result
    reason: str | None = None
    followers: int = 0


class Redriver:
    """Redrives and discards the dead letters of a service's consumers, in whatever process it is called."""

    def __init__(self, transactions: Transactions, specs: Sequence[ConsumerSpec]) -> None:
        self._transactions = transactions
        self._specs: Mapping[str, ConsumerSpec] = {spec.group: spec for spec in specs}

    async def redrive(self, dead_letter_id: str, *, actor: str, why: str) -> Answer:
        """Hand a dead letter to its handler again, and its parked followers after it, in order."""
        async with self._transactions.begin() as unit:
            row = await self._lock(unit, dead_letter_id)
            obstacle = await self._obstacle(unit, dead_letter_id, row)
            if row is None or obstacle is not None:
                return obstacle or Answer(dead_letter_id, Result.NOT_FOUND)
            answer = await self._redrive(unit, row)
            await _record(unit, "redrive", answer, actor, why)
            return answer

    async def discard(self, dead_letter_id: str, *, actor: str, why: str) -> Answer:
        """Give a dead letter up, keeping it on record, and let its parked followers go on."""
        async with self._transactions.begin() as unit:
            row = await self._lock(unit, dead_letter_id)
            obstacle = await self._obstacle(unit, dead_letter_id, row)
            if row is None or obstacle is not None:
                return obstacle or Answer(dead_letter_id, Result.NOT_FOUND)
            await _close(unit, row, DISCARDED)
            spec = self._specs.get(row.consumer)
            followers = 0 if spec is None else await self._follow(unit, spec, row.key)
            answer = Answer(dead_letter_id, Result.DISCARDED, followers=followers)
            await _record(unit, "discard", answer, actor, why)
            return answer

    async def _lock(self, unit: UnitOfWork, dead_letter_id: str) -> Row[Any] | None:
        result = await unit.connection.execute(_LOCK, {"id": dead_letter_id})
        return result.one_or_none()

    async def _obstacle(self, unit: UnitOfWork, dead_letter_id: str, row: Row[Any] | None) -> Answer | None:
        if row is None:
            return Answer(dead_letter_id, Result.NOT_FOUND, "there is no dead letter of this id")
        if row.status != OPEN:
            return Answer(dead_letter_id, Result.ALREADY_DONE, f"it is {row.status}")
        spec = self._specs.get(row.consumer)
        if spec is None or not spec.ordered or row.key is None:
            return None
        asked = {"consumer": row.consumer, "key": row.key, "seq": row.seq}
        elder = (await unit.connection.execute(_ELDER, asked)).scalar_one_or_none()
        return elder and Answer(dead_letter_id, Result.WAITS_FOR_ELDER, f"deal with {elder} first")

    async def _redrive(self, unit: UnitOfWork, row: Row[Any]) -> Answer:
        dead_letter_id = str(row.id)
        spec = self._specs.get(row.consumer)
        if spec is None:
            return Answer(
                dead_letter_id, Result.FAILED, f"this service has no consumer {row.consumer} any more"
            )
        item = read(parking.record_of(row))
        if await _is_new(unit, spec, item, str(row.inbox_id)):
            reason = await _attempt(unit, spec, [item])
            if reason is not None:
                await _failed_again(unit, row, reason)
                return Answer(dead_letter_id, Result.FAILED, reason)
        await _close(unit, row, REDRIVEN)
        return Answer(dead_letter_id, Result.REDRIVEN, followers=await self._follow(unit, spec, row.key))

    async def _follow(self, unit: UnitOfWork, spec: ConsumerSpec, key: str | None) -> int:
        """Take the parked events of a key until none is left or one of them becomes a dead letter itself."""
        taken = 0
        while key is not None and spec.ordered:
            rows = await parking.parked(unit.connection, spec.group, key, FOLLOWERS_AT_ONCE)
            if not rows:
                break
            done, blocked = await _take_in_order(unit, spec, rows)
            taken += done
            if blocked:
                break
        return taken


async def _take_in_order(unit: UnitOfWork, spec: ConsumerSpec, rows: Sequence[Row[Any]]) -> tuple[int, bool]:
    """Take parked events together, or else one by one up to the one at fault, which blocks the key again."""
    items = [read(parking.record_of(row)) for row in rows]
    if await _attempt(unit, spec, items) is None:
        await parking.release(unit.connection, [row.seq for row in rows])
        return len(rows), False
    for number, (row, item) in enumerate(zip(rows, items, strict=True)):
        reason = await _attempt(unit, spec, [item])
        await parking.release(unit.connection, [row.seq])
        if reason is not None:
            await dead_letters.write(unit, spec.group, [Condemned(item, reason)])
            return number, True
    return len(rows), False


async def _is_new(unit: UnitOfWork, spec: ConsumerSpec, item: Item, entered_as: str) -> bool:
    """Tell whether an item has yet to take effect.

    One that was undecodable stands in the inbox by its place; now that it can be read, the same event may have come
    by another way in the meantime.
    """
    item_id = inbox.inbox_id(item)
    if item_id == entered_as:
        return True
    return bool(await inbox.take(unit.connection, spec.group, {item_id: item}, unit.now))


async def _attempt(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item]) -> str | None:
    """Let items take effect inside the unit, all or none; return the reason when none did."""
    savepoint = await unit.connection.begin_nested()
    try:
        attempt = UnitOfWork(unit.connection, now=unit.now, source=unit.source)
        reason = await _hand_over(attempt, spec, items)
    except Exception as error:
        if is_infrastructure(error):
            raise
        reason = describe(error)
    if reason is None:
        await savepoint.commit()
        unit.adopt(attempt)
    else:
        await savepoint.rollback()
    return reason


async def _hand_over(unit: UnitOfWork, spec: ConsumerSpec, items: Sequence[Item]) -> str | None:
    undecodable: Sequence[Undecodable] = [item for item in items if isinstance(item, Undecodable)]
    if undecodable and spec.undecodable is not None:
        undecodable = await spec.undecodable(unit, undecodable)
    if undecodable:
        return undecodable[0].reason
    events = [item for item in items if isinstance(item, Received)]
    if not events:
        return None
    batch = Batch.within(unit, events)
    await spec.handle(batch)
    return batch.refused[0].reason if batch.refused else None


async def _close(unit: UnitOfWork, row: Row[Any], status: str) -> None:
    await unit.connection.execute(
        update(dead_letter).where(dead_letter.c.seq == row.seq).values(status=status)
    )


async def _failed_again(unit: UnitOfWork, row: Row[Any], reason: str) -> None:
    changes = {"attempts": row.attempts + 1, "reason": clean(reason), "failed_at": unit.now}
    await unit.connection.execute(update(dead_letter).where(dead_letter.c.seq == row.seq).values(changes))


async def _record(unit: UnitOfWork, action: str, answer: Answer, actor: str, why: str) -> None:
    outcome = answer.result if answer.reason is None else f"{answer.result}: {answer.reason}"
    row = {
        "dead_letter_id": answer.dead_letter_id,
        "action": action,
        "outcome": clean(outcome),
        "actor": clean(actor),
        "why": clean(why),
        "at": unit.now,
    }
    await bulk.insert(unit.connection, dead_letter_action, [row])
