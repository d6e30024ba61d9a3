"""The services' databases, read as the superuser: an auditor asks no service for its word."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import asyncpg

from backoffice_cli.platform import Stack
from backoffice_cli.stack.ports import LOOPBACK

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Row(Protocol):
    """A row, asked by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any:
        """Return the value in a column."""


Rows: TypeAlias = Sequence[Row]


def superuser_url(platform: Stack, database: str) -> str:
    """Return the URL of a database for the superuser."""
    return f"postgresql://postgres:{platform.plan.admin_password}@{LOOPBACK}:{platform.plan.ports['postgres']}/{database}"


async def connect(url: str) -> Connection:
    """Open a connection on which all reads see one moment. uuid columns come as text."""
    connection: Connection = await asyncpg.connect(url)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str)
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return connection
