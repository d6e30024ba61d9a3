"""Advices that came before the business day that they speak of are taken once it has opened.

The CSD's advices and the firm's business days come on different topics: a true confirmation may be heard first.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from backoffice_events.messaging import Received, UnitOfWork, dead_letters, parking
from backoffice_events.messaging.dead_letters import Condemned
from backoffice_events.messaging.following import attempt
from settlement.advices import repository
from settlement.advices.handlers import CONSUMER
from settlement.processes.repository import lock_by_instruction

MOST = 500
"""Instructions at a time."""


async def take_due(unit: UnitOfWork) -> None:
    """Take what need not wait any longer, each instruction's in order.

    Who holds the lock on a settlement decides whether its advices wait: lock first, then take them out.
    """
    instruction_ids = await repository.due(unit.connection, MOST)
    if not instruction_ids:
        return
    await lock_by_instruction(unit.connection, instruction_ids)
    waited = await repository.take_out(unit.connection, instruction_ids)
    if await attempt(unit, CONSUMER, waited) is None:
        return
    by_instruction: dict[str, list[Received[Any]]] = defaultdict(list)
    for received in waited:
        by_instruction[received.key].append(received)
    for of_one in by_instruction.values():
        await _take_in_order(unit, of_one)


async def _take_in_order(unit: UnitOfWork, waited: Sequence[Received[Any]]) -> None:
    """Take one instruction's advices up to the one at fault, which becomes a dead letter; the rest parks behind it."""
    for number, received in enumerate(waited, start=1):
        reason = await attempt(unit, CONSUMER, [received])
        if reason is not None:
            await dead_letters.write(unit, CONSUMER.group, [Condemned(received, reason)])
            await parking.park(unit.connection, CONSUMER.group, waited[number:], unit.now)
            return
