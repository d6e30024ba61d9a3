"""Advices that came before the business day that they speak of are taken once it has opened.

The CSD's advices and the firm's business days come on different topics: a true confirmation may be heard first.
"""

from collections import defaultdict
from typing import Any

from backoffice_events.messaging import Received, UnitOfWork, parking
from backoffice_events.messaging.following import attempt, take_in_order
from settlement.advices import repository
from settlement.advices.handlers import CONSUMER
from settlement.processes.repository import lock_by_instruction

MOST = 500
"""Instructions at a time."""


async def take_due(unit: UnitOfWork) -> None:
    """Take what need not wait any longer, each instruction's in order; behind one at fault the rest of them parks.

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
        part = await take_in_order(unit, CONSUMER, of_one)
        await parking.park(unit.connection, CONSUMER.group, of_one[part.seen :], unit.now)
