"""The chaos run's hand on the database: a superuser's sessions, which go past every proxy."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from backoffice_cli.chaos.fault import NotNowError, Planned
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.databases import Connection
from backoffice_cli.stack.ports import LOOPBACK

PATIENCE_SECONDS = 120
_AGAIN_SECONDS = 0.2
_CONNECT_SECONDS = 10


def url_of(stage: Stage, database: str = "postgres") -> str:
    """Return the superuser's address of a database."""
    plan = stage.platform.plan
    return f"postgresql://postgres:{plan.admin_password}@{LOOPBACK}:{plan.ports['postgres']}/{database}"


def database_of(service: str) -> str:
    """Return the name of a service's database, which is that of its role too."""
    return service.replace("-", "_")


@asynccontextmanager
async def connected(stage: Stage, database: str = "postgres") -> AsyncIterator[Connection]:
    """Return a session. Raises NotNowError when the server takes none, or ends it."""
    try:
        connection = await asyncpg.connect(url_of(stage, database), timeout=_CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise NotNowError(f"the database takes no session: {error!r}") from error
    try:
        yield connection
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.InternalClientError,  # the driver's, when the session ends while it asks
    ) as error:
        raise NotNowError(f"the database ended the session: {error!r}") from error
    except asyncpg.InterfaceError as error:
        if not connection.is_closed():
            raise
        raise NotNowError("the session ended while nothing was asked") from error
    finally:
        connection.terminate()


def execute(stage: Stage, statement: str, database: str = "postgres") -> None:
    """Run statements. Raises NotNowError when the server is away."""
    asyncio.run(_execute(stage, statement, database))


def once_possible(stage: Stage, planned: Planned, statement: str, database: str, done: str) -> None:
    """Run statements beside the run as soon as the server takes them, for it may be away; then note `done`."""

    def try_again() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                execute(stage, statement, database)
            except NotNowError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                stage.note(planned, done)
                return

    stage.aside(try_again)


async def _execute(stage: Stage, statement: str, database: str) -> None:
    async with connected(stage, database) as admin:
        await admin.execute(statement)
