"""The settlement service on a database, driven batch by batch."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_events.cloudevents import decode
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.settlement import SETTLEMENT_INSTRUCTIONS
from backoffice_events.messaging import Batch, ConsumerSpec, UnitOfWork
from settlement.advices.early import take_due
from settlement.advices.handlers import CONSUMER as ADVICES
from settlement.business_days.handlers import CONSUMER as BUSINESS_DAYS
from settlement.processes.handlers import CONSUMER as FACTS


class World:
    """The settlement service's handlers on a real database, each call one committed batch."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def _take(self, spec: ConsumerSpec, events: Sequence[Event], now: datetime | None = None) -> Batch:
        async with self.engine.begin() as connection:
            batch = Batch.of(connection, events, now=now or datetime(2024, 6, 3, 15, tzinfo=UTC))
            await spec.handle(batch)
            return batch

    async def facts(self, *events: Event) -> Batch:
        return await self._take(FACTS, events)

    async def csd(self, *events: Event, now: datetime | None = None) -> Batch:
        return await self._take(ADVICES, events, now)

    async def day(self, *events: Event) -> Batch:
        return await self._take(BUSINESS_DAYS, events)

    async def due(self) -> list[Event]:
        """Take the advices that waited for a business day which has opened; return what settlement published."""
        async with self.engine.begin() as connection:
            unit = UnitOfWork(connection, now=datetime(2024, 6, 4, 8, tzinfo=UTC), source="urn:test")
            await take_due(unit)
            sent = [each.record for each in await unit.flush()]
        return [decode(record).event for record in sent if record.topic == SETTLEMENT_INSTRUCTIONS.name]

    async def take_on(self, connection: AsyncConnection, *events: Event) -> Batch:
        """Take facts in a transaction that somebody else commits."""
        batch = Batch.of(connection, events)
        await FACTS.handle(batch)
        return batch

    def start_facts(self, *events: Event) -> asyncio.Task[Batch]:
        """Take facts in the background."""
        return asyncio.create_task(self.facts(*events))

    async def until_somebody_waits(self) -> None:
        """Wait until a transaction on this database waits for another."""
        query = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(30):
            while not await self.rows(query):
                pass

    async def rows(self, sql: str, **parameters: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(sql), parameters))

    async def settlement(self, trade_id: str) -> Any:
        return (await self.rows("SELECT * FROM settlement WHERE trade_id = :id", id=trade_id))[0]

    async def instructions(self, trade_id: str) -> list[Any]:
        return await self.rows("SELECT * FROM instruction WHERE trade_id = :id ORDER BY number", id=trade_id)

    async def exceptions(self, trade_id: str) -> dict[str, str]:
        found = await self.rows(
            "SELECT kind, status FROM settlement_exception WHERE trade_id = :id", id=trade_id
        )
        return {row.kind: row.status for row in found}
