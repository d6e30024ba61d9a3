"""Others get in the way of the services' transactions: deadlocks, rows locked for long, serialization failures."""

import asyncio
import random
import threading
from dataclasses import dataclass

import asyncpg

from backoffice_cli.chaos.fault import Drawn, Fault, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.chaos.superuser import connected, database_of, execute, once_possible

LOCKED_TABLES = {
    "trade-capture": ("trade", "trade_id"),
    "compliance": ("trade", "trade_id"),
    "settlement": ("settlement", "trade_id"),
    "ledger": ("booked_trade", "trade_id"),
}
"""Of each service, the rows that its handlers lock, and by which column they do it in ascending order."""

_NEWEST = 40
_HOLD_SECONDS = 0.3
_BETWEEN_SECONDS = 0.005


class Deadlock(OneFault):
    """A session locks a service's newest rows in descending order, against the service's own, again and again.

    The server finds the deadlock in the service's session, which is the victim: ours waits for longer.
    """

    name = "deadlock"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service and for how long."""
        services = [service for service in shape.services if service in LOCKED_TABLES]
        return Drawn(draw.choice(services), round(draw.uniform(2.0, 6.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Begin; it goes on beside the run."""
        over = stage.kept(planned)["over"] = threading.Event()
        before = _deadlocks(stage, planned)

        def quarrel() -> None:
            asyncio.run(_quarrel(stage, planned.target, over))
            try:
                stage.note(planned, f"{_deadlocks(stage, planned) - before} deadlocks")
            except NotNowError as error:
                stage.note(planned, f"deadlocks uncounted: {error}")

        stage.aside(quarrel)

    def heal(self, stage: Stage, planned: Planned) -> None:
        """End it."""
        stage.kept(planned)["over"].set()


@dataclass(frozen=True)
class RowsLocked(OneFault):
    """A session holds locks on every row that a service works on: it waits, longer than its patience if need be."""

    name: str = "rows-locked"
    shortest: float = 2.0
    longest: float = 8.0

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service and for how long."""
        services = [service for service in shape.services if service in LOCKED_TABLES]
        return Drawn(draw.choice(services), round(draw.uniform(self.shortest, self.longest), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Take the table's lock; readers go on, writers wait."""
        over = stage.kept(planned)["over"] = threading.Event()
        held = threading.Event()
        stage.aside(lambda: asyncio.run(_lock_table(stage, planned, held, over)))
        stage.until(held.is_set, at_most=self.longest)

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let go."""
        stage.kept(planned)["over"].set()


class SerializationFailures(OneFault):
    """Transactions fail as those do that cannot be serialised (SQLSTATE 40001), each with some probability."""

    name = "serialization-failures"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service, the probability, and for how long."""
        likely = {"likely": round(draw.uniform(0.2, 0.9), 2)}
        return Drawn(draw.choice(shape.services), round(draw.uniform(1.0, 6.0), 1), likely)

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Have a trigger on the inbox fail transactions."""
        execute(stage, _failing(float(planned.parameters["likely"])), database_of(planned.target))
        stage.note(planned, f"{planned.parameters['likely']:.0%} of transactions fail")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Take the trigger away."""
        drop = "DROP FUNCTION IF EXISTS chaos_serialization() CASCADE"
        once_possible(stage, planned, drop, database_of(planned.target), "transactions pass again")


def _failing(likely: float) -> str:
    return f"""
        CREATE OR REPLACE FUNCTION chaos_serialization() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF random() < {likely} THEN
                RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN NULL;
        END $$;
        SET lock_timeout = '5s';
        CREATE OR REPLACE TRIGGER chaos_serialization AFTER INSERT ON inbox
            FOR EACH STATEMENT EXECUTE FUNCTION chaos_serialization();
    """


async def _quarrel(stage: Stage, service: str, over: threading.Event) -> None:
    table, column = LOCKED_TABLES[service]
    newest = f"SELECT {column} FROM {table} ORDER BY ctid DESC LIMIT {_NEWEST}"  # noqa: S608  names of ours
    lock = f"SELECT FROM {table} WHERE {column} = $1 FOR UPDATE"
    while not over.is_set():
        try:
            async with connected(stage, database_of(service)) as session:
                await session.execute("SET deadlock_timeout = '1min'; SET statement_timeout = '10s'")
                rows = sorted((row[0] for row in await session.fetch(newest)), reverse=True)
                async with session.transaction():
                    for row in rows:
                        await session.execute(lock, row)
                        await asyncio.sleep(_BETWEEN_SECONDS)
                    await asyncio.sleep(_HOLD_SECONDS)
        except (NotNowError, asyncpg.PostgresError):
            await asyncio.sleep(_HOLD_SECONDS)


async def _lock_table(stage: Stage, planned: Planned, held: threading.Event, over: threading.Event) -> None:
    table, _ = LOCKED_TABLES[planned.target]
    try:
        async with connected(stage, database_of(planned.target)) as session, session.transaction():
            await session.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            held.set()
            stage.note(planned, f"{table} is locked")
            await asyncio.to_thread(over.wait)
    except NotNowError as error:
        stage.note(planned, f"the lock is gone: {error}")
    else:
        stage.note(planned, f"{table} is free")


def _deadlocks(stage: Stage, planned: Planned) -> int:
    return asyncio.run(_count_deadlocks(stage, database_of(planned.target)))


async def _count_deadlocks(stage: Stage, database: str) -> int:
    async with connected(stage) as admin:
        count: int = await admin.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = $1", database
        )
    return count


FAULTS: tuple[Fault, ...] = (Deadlock(), RowsLocked(), SerializationFailures())
