"""Leadership: of all processes of a database, the one whose session holds an advisory lock leads."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

_TRY: Final = "SELECT pg_try_advisory_lock($1)"

# A leader whose machine vanished must lose the lock in seconds, not after the kernel's two hours.
_KEEP_ALIVE: Final = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 10000"
)


@contextlib.asynccontextmanager
async def stand_for_leadership(engine: AsyncEngine, lock: int) -> AsyncIterator[asyncpg.Connection | None]:
    """Yield the session that leads, None where another does. lock: an advisory one, of the database.

    The session is ended afterwards, whatever happened: it holds the lock. So it may when no answer came in time: back
    in the pool it would keep everybody from leading, us as well.
    """
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        session: Any = raw.driver_connection
        may_hold_it = True
        try:
            may_hold_it = await session.fetchval(_TRY, lock)
            if may_hold_it:
                await session.execute(_KEEP_ALIVE)
            yield session if may_hold_it else None
        finally:
            if may_hold_it:
                await connection.invalidate()
