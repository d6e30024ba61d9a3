"""Fills the service's tables, in a fresh schema beside the live one, from a consumer's topics."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from backoffice_chassis import migrations
from backoffice_chassis.replay.differences import Comparison, compare
from backoffice_chassis.service import Service
from backoffice_events.messaging import ConsumerSpec, Transactions
from backoffice_events.messaging.replay import Rebuild, not_in_effect

LIVE: Final = "public"
_BOUND_FUNCTIONS: Final = text(
    r"SELECT p.oid\:\:regprocedure\:\:text FROM pg_proc p WHERE p.pronamespace = CAST(:schema AS regnamespace)"
    " AND EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')"
)
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rebuild found. records: read from the topics; left_out: those of them that are dead letters or parked.

    still_moving: the live consumer went on during every comparison, so that what differs may be on its way.
    """

    consumer: str
    records: int
    left_out: int
    still_moving: bool
    comparisons: Sequence[Comparison]


async def rebuild(service: Service, spec: ConsumerSpec) -> Outcome:
    """Rebuild and compare, again with what came meanwhile when the live consumer went on. Leaves nothing behind.

    Raises NotRebuildableError when a topic does not hold its beginning any more.
    """
    url = service.settings.migration_database_url or service.settings.database_url
    live = create_async_engine(url, poolclass=NullPool)
    try:
        async with _fresh_schema(live) as schema:
            await asyncio.to_thread(migrations.upgrade, service.migrations, url, schema)
            await _keep_functions_in(live, schema)
            tables = create_async_engine(url, poolclass=NullPool, connect_args=migrations.in_schema(schema))
            transactions = Transactions(tables, source=service.source, clock=service.clock.now)
            work = Rebuild.of(spec, transactions, service.settings.brokers)
            return await _until_it_holds(work, live, schema)
    finally:
        await live.dispose()


async def _keep_functions_in(engine: AsyncEngine, schema: str) -> None:
    """Bind functions that name their own search path, as guards do, to the fresh schema: they must not reach the live
    tables.
    """
    async with engine.begin() as connection:
        for function in (await connection.execute(_BOUND_FUNCTIONS, {"schema": schema})).scalars():
            await connection.execute(text(f"ALTER FUNCTION {function} SET search_path = {schema}, pg_temp"))


async def _until_it_holds(work: Rebuild, live: AsyncEngine, schema: str) -> Outcome:
    targets = await work.targets()
    for round_ in range(1, ROUNDS + 1):
        async with live.connect() as connection:
            leave_out = await not_in_effect(connection, work.spec.group)
        await work.advance(targets, leave_out)
        async with live.connect() as connection:
            comparisons = [await compare(connection, each, LIVE, schema) for each in work.spec.projections]
        came_to, targets = targets, await work.targets()
        moving = targets != came_to
        if not moving or not any(each.differing for each in comparisons) or round_ == ROUNDS:
            break
    return Outcome(work.spec.group, work.read, work.skipped, moving, comparisons)


@asynccontextmanager
async def _fresh_schema(engine: AsyncEngine) -> AsyncIterator[str]:
    schema = f"replay_{secrets.token_hex(4)}"
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        yield schema
    finally:
        async with engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
