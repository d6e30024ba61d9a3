"""Second chances: a dead letter goes through its consumer's handler again, or is discarded, and its followers go on.

The transaction in which a dead letter is dealt with holds its row against live events of the key, records who and why,
and does nothing when somebody else was faster. A dry run does the same work and rolls it back.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text, update

from backoffice_events.messaging import actions, following, parking
from backoffice_events.messaging.actions import Action, By
from backoffice_events.messaging.batch import ConsumerSpec
from backoffice_events.messaging.dead_letters import DISCARDED, OPEN, REDRIVEN
from backoffice_events.messaging.failures import clean
from backoffice_events.messaging.following import Followed
from backoffice_events.messaging.tables import dead_letter
from backoffice_events.messaging.unit import Transactions, UnitOfWork

_LOCK = text("SELECT * FROM dead_letter WHERE id = CAST(:id AS uuid) FOR UPDATE")
_ELDER = text(
    "SELECT id::text FROM dead_letter WHERE consumer = :consumer AND key = :key AND status = 'open'"
    " AND seq < :seq ORDER BY seq LIMIT 1".replace("::", r"\:\:")
)
_HELD_BACK = text(
    "SELECT younger.id::text AS id, elder.id::text AS elder"
    " FROM dead_letter younger JOIN dead_letter elder USING (consumer, key)"
    " WHERE younger.id = ANY(CAST(:ids AS uuid[])) AND consumer = ANY(:ordered) AND elder.status = 'open'"
    " AND elder.seq < younger.seq AND elder.id <> ALL(CAST(:before AS uuid[]))"
    " ORDER BY younger.seq, elder.seq LIMIT 1".replace("::", r"\:\:")
)
# Every open one, because a live event of the key waits for any of them; without an open one the last that was closed,
# so that two people still take turns.
_LOCK_KEY = text(
    "SELECT id::text FROM dead_letter WHERE consumer = :consumer AND key = :key"
    " ORDER BY status <> 'open', CASE status WHEN 'open' THEN seq ELSE -seq END FOR UPDATE".replace(
        "::", r"\:\:"
    )
)


class Result(StrEnum):
    """What became of a dead letter, or of the events behind it.

    ALREADY_DONE: it was redriven or discarded before. FAILED: the handler refused it again; it stays open.
    WAITS_FOR_ELDER: an older dead letter of its key has to be dealt with first. RELEASED: the events behind it were
    handed over; it stays open itself. NOTHING_WAITS: there were no events behind it.
    """

    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    RELEASED = "released"
    ALREADY_DONE = "already done"
    FAILED = "failed"
    WAITS_FOR_ELDER = "waits for an older one"
    NOTHING_WAITS = "nothing waits"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one dead letter, with the reason of a failure.

    followers: parked events that went on. follower_refused: why the next of them became a dead letter itself.
    """

    dead_letter_id: str
    result: Result
    reason: str | None = None
    followers: int = 0
    follower_refused: str | None = None


class Redriver:
    """Deals with the dead letters of a service's consumers, in whatever process it is called."""

    def __init__(self, transactions: Transactions, specs: Sequence[ConsumerSpec]) -> None:
        self._transactions = transactions
        self._specs: Mapping[str, ConsumerSpec] = {spec.group: spec for spec in specs}

    async def take_all(
        self, action: Action, rows: Sequence[Row[Any]], by: By, *, dry_run: bool = False, seconds: float
    ) -> list[Answer]:
        """Redrive or discard dead letters in the order given; stop taking on new ones after `seconds`.

        Each is a transaction of its own. A dry run takes those of one key in one transaction, because the younger ones
        depend on what becomes of the older.
        """
        answers: list[Answer] = []
        until = time.monotonic() + seconds
        for ids in _by_key(rows) if dry_run else [[str(row.id)] for row in rows]:
            if time.monotonic() > until:
                break
            async with self._transactions.begin() as unit:
                unit.rollback_only = dry_run
                answers += [await self._take(unit, action, each, by) for each in ids]
        return answers

    async def take_within(
        self, unit: UnitOfWork, action: Action, dead_letter_ids: Sequence[str], by: By
    ) -> list[Answer]:
        """Redrive or discard dead letters in the order given, within a transaction of the caller's."""
        return [await self._take(unit, action, each, by) for each in dead_letter_ids]

    async def held_back(
        self, unit: UnitOfWork, dead_letter_ids: Sequence[str], dealt_with: Sequence[str]
    ) -> tuple[str, str] | None:
        """Return one that waits for an older one of its key, and that older one; None when all can be taken.

        dealt_with: those that will have been dealt with before, or together with these.
        """
        ordered = [spec.group for spec in self._specs.values() if spec.ordered]
        asked = {"ids": dead_letter_ids, "before": dealt_with, "ordered": ordered}
        found = (await unit.connection.execute(_HELD_BACK, asked)).one_or_none()
        return found and (found.id, found.elder)

    async def release(self, unit: UnitOfWork, consumer: str, key: str, by: By) -> Answer:
        """Hand the parked events of a key over, in order, although the dead letter they wait behind stays open.

        They take effect before it: a person decides that it does not matter to them. Later events of the key go on
        being parked. The answer names the oldest open dead letter of the key.
        """
        asked = {"consumer": consumer, "key": key}
        letters = (await unit.connection.execute(_LOCK_KEY, asked)).scalars().all()
        spec = self._specs.get(consumer)
        if not letters or spec is None:
            return Answer("", Result.NOT_FOUND, "no consumer of this service has a dead letter of this key")
        followed = await following.follow(unit, spec, key)
        if followed == Followed():
            return Answer(letters[0], Result.NOTHING_WAITS, "no event of this key is parked")
        answer = Answer(letters[0], Result.RELEASED, None, followed.taken, followed.refused)
        await _record(unit, Action.RELEASE, answer, by)
        return answer

    async def _take(self, unit: UnitOfWork, action: Action, dead_letter_id: str, by: By) -> Answer:
        row = (await unit.connection.execute(_LOCK, {"id": dead_letter_id})).one_or_none()
        obstacle = await self._obstacle(unit, dead_letter_id, row)
        if row is None or obstacle is not None:
            return obstacle or Answer(dead_letter_id, Result.NOT_FOUND)
        answer = await (self._redrive if action is Action.REDRIVE else self._discard)(unit, row)
        await _record(unit, action, answer, by)
        return answer

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
        waiting = await following.yet_to_take(unit, spec, dead_letter, [row])
        reason = await following.attempt(unit, spec, list(waiting.values()))
        if reason is not None:
            await _failed_again(unit, row, reason)
            return Answer(dead_letter_id, Result.FAILED, reason)
        await _close(unit, row, REDRIVEN)
        return await self._followed(unit, row, Result.REDRIVEN)

    async def _discard(self, unit: UnitOfWork, row: Row[Any]) -> Answer:
        await _close(unit, row, DISCARDED)
        return await self._followed(unit, row, Result.DISCARDED)

    async def _followed(self, unit: UnitOfWork, row: Row[Any], result: Result) -> Answer:
        """Let the events behind a closed dead letter go on, unless another one of the key is open still."""
        spec = self._specs.get(row.consumer)
        if (
            spec is None
            or row.key is None
            or await parking.blocked_keys(unit.connection, spec.group, [row.key])
        ):
            return Answer(str(row.id), result)
        followed = await following.follow(unit, spec, row.key)
        return Answer(str(row.id), result, None, followed.taken, followed.refused)


def _by_key(rows: Sequence[Row[Any]]) -> list[list[str]]:
    """Return the ids of the dead letters of each key together, in order; one without a key stands alone."""
    groups: dict[object, list[str]] = defaultdict(list)
    for row in rows:
        groups[(row.consumer, row.key) if row.key is not None else row.id].append(str(row.id))
    return list(groups.values())


async def _close(unit: UnitOfWork, row: Row[Any], status: str) -> None:
    await unit.connection.execute(
        update(dead_letter).where(dead_letter.c.seq == row.seq).values(status=status)
    )


async def _failed_again(unit: UnitOfWork, row: Row[Any], reason: str) -> None:
    changes = {"attempts": row.attempts + 1, "reason": clean(reason), "failed_at": unit.now}
    await unit.connection.execute(update(dead_letter).where(dead_letter.c.seq == row.seq).values(changes))


async def _record(unit: UnitOfWork, action: Action, answer: Answer, by: By) -> None:
    parts = [answer.result, answer.reason, answer.follower_refused and f"then {answer.follower_refused}"]
    await actions.record(unit, action, answer.dead_letter_id, ": ".join(part for part in parts if part), by)
