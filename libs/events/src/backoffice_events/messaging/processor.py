"""From records to effects: decode, apply, and find the one event at fault when a batch fails."""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import text

from backoffice_events.cloudevents import UndecodableError, attribute_or_none, decode
from backoffice_events.contracts.base import all_contracts
from backoffice_events.messaging import telemetry
from backoffice_events.messaging.application import Outcome, apply
from backoffice_events.messaging.batch import ConsumerSpec, Item, Undecodable
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.failures import describe, is_infrastructure, lost_connection
from backoffice_events.messaging.inbox import inbox_id
from backoffice_events.messaging.unit import Transactions
from backoffice_events.records import Record

ATTEMPTS: Final = 3
"""How often a single event may fail before it is condemned: a race with another writer passes, a fault stays."""

PORTION_BYTES: Final = 16_777_216
"""Values of more are not for one transaction, unless a single record has it: a statement holds a gigabyte at most."""

LOSSES: Final = 10
"""How often in a row the connection may break over a batch, while the database answers others, before the batch is at
fault: with the pauses in between that is half a minute.
"""

_TRIVIAL = text("SELECT")


class Processor:
    """Applies records for one consumer. Infrastructure errors pass through: the caller waits and tries again."""

    def __init__(self, spec: ConsumerSpec, transactions: Transactions, cap: DeadLetterCap) -> None:
        self._spec = spec
        self._transactions = transactions
        self._cap = cap
        self._passed_over = {
            (contract.topic.name, contract.event_type.encode())
            for contract in all_contracts()
            if contract not in spec.contracts
        }
        self._compacted = {topic.name for topic in spec.topics if topic.compacted}
        self._losses = 0

    async def process(self, records: Sequence[Record]) -> None:
        """Let every record take effect, be recognised as a duplicate, be parked or become a dead letter."""
        items = [item for record in records if (item := self.read(record)) is not None]
        for portion in _portions(items):
            await self._take(portion)
        self._losses = 0

    def read(self, record: Record) -> Item | None:
        """Return a record as an event, as undecodable, or None when this consumer has no business with it."""
        types = [value for name, value in record.headers if name == "ce_type"]
        if record.value is None and not types and record.topic in self._compacted:
            telemetry.log_tombstone(self._spec.group, record)
            return None  # compaction's own mark, which takes nothing back that was said
        if len(types) == 1 and (record.topic, types[0]) in self._passed_over:
            return None
        return read(record)

    async def _take(self, items: Sequence[Item]) -> None:
        """Apply items together; when that fails for no outer reason, halve until the item at fault stands alone."""
        try:
            outcome = await self._apply(items)
        except Exception as error:
            if is_infrastructure(error) and not await self._is_at_fault(error):
                raise
            if len(items) == 1:
                await self._retry_or_condemn(items[0], error)
                return
        else:
            self._count(len(items), outcome)
            return
        middle = len(items) // 2
        await self._take(items[:middle])
        await self._take(items[middle:])

    async def _is_at_fault(self, error: Exception) -> bool:
        """Tell whether the connection broke over what was done on it, time and again while the database is there.

        Such a batch would be tried for ever: one event in it may make a statement that no server takes.
        """
        if not (lost_connection(error) and await self._database_answers()):
            return False
        self._losses += 1
        return self._losses >= LOSSES

    async def _database_answers(self) -> bool:
        try:
            async with self._transactions.engine.connect() as connection:
                await connection.execute(_TRIVIAL)
        except Exception as error:
            if not is_infrastructure(error):
                raise
            return False
        return True

    async def _retry_or_condemn(self, item: Item, error: Exception) -> None:
        for _ in range(ATTEMPTS - 1):
            try:
                outcome = await self._apply([item])
            except Exception as again:
                if is_infrastructure(again) and not await self._is_at_fault(again):
                    raise
                error = again
            else:
                self._count(1, outcome)
                return
        telemetry.log_item(logging.ERROR, "an event cannot be taken", self._spec.group, item, exc_info=error)
        self._count(1, await self._apply([item], {inbox_id(item): describe(error)}))

    async def _apply(self, items: Sequence[Item], verdicts: dict[str, str] | None = None) -> Outcome:
        with telemetry.batch_span(self._spec.group, items):
            return await apply(self._transactions, self._spec, items, verdicts)

    def _count(self, items: int, outcome: Outcome) -> None:
        telemetry.record_outcome(self._spec.group, outcome)
        # One that waits behind a dead letter says nothing; a resent one does, or a topic read anew would halt us.
        self._cap.count(seen=items - len(outcome.parked), condemned=len(outcome.condemned))


def _portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield items, in order, in parts whose values together are for one transaction: nearly always a single one."""
    start = size = 0
    for place, item in enumerate(items):
        length = len(item.record.value or b"")
        if size + length > PORTION_BYTES and place > start:
            yield items[start:place]
            start, size = place, 0
        size += length
    if start < len(items):
        yield items[start:]


def read(record: Record) -> Item:
    """Return a record as an event or as undecodable with the reason."""
    try:
        return decode(record)
    except UndecodableError as error:
        event_id, event_type = (attribute_or_none(record.headers, name) for name in ("ce_id", "ce_type"))
        return Undecodable(record, str(error), event_id, event_type)
