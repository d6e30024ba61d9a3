"""Schema migrations: Alembic over asyncpg, one revision folder for each service."""

import asyncio
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from backoffice_chassis.settings import for_asyncpg

_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('backoffice migrations', 0))")

_FROM_NOTHING = "from_nothing"


def upgrade(
    migrations: Path, database_url: str, schema: str | None = None, *, revision: str = "head"
) -> None:
    """Bring a database to a revision, the newest unless told. Call it outside an event loop, or in a thread of its own.

    database_url: as the role that owns the tables, `postgresql+asyncpg://…`. schema: where the tables go, which exists;
    the database's own when left out.
    """
    command.upgrade(_config(migrations, database_url, schema), revision)


def run_env(metadata: MetaData) -> None:
    """Run the migrations that alembic asked for: all that a service's `env.py` does.

    The whole upgrade is one transaction, so a failed one leaves nothing behind, and two at once wait for each other.
    """
    url = context.config.attributes.get("database_url") or os.environ.get("BACKOFFICE_MIGRATION_DATABASE_URL")
    if not url:
        raise SystemExit("Set BACKOFFICE_MIGRATION_DATABASE_URL to the database that is to be migrated.")
    asyncio.run(_run(for_asyncpg(str(url)), metadata, context.config.attributes.get("schema")))


async def _run(url: str, metadata: MetaData, schema: str | None) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args=in_schema(schema))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run_in_transaction, metadata)
            await connection.commit()
    finally:
        await engine.dispose()


def in_schema(schema: str | None) -> dict[str, Any]:
    """Return the driver's arguments with which unqualified names are those of a schema, and of no other."""
    return {"server_settings": {"search_path": schema}} if schema else {}


def _run_in_transaction(connection: Connection, metadata: MetaData) -> None:
    connection.execute(_ONE_AT_A_TIME)
    heads = MigrationContext.configure(connection).get_current_heads()
    context.config.attributes[_FROM_NOTHING] = not heads
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


def from_nothing(op: Operations | Any) -> bool:
    """Return whether the upgrade in hand began with an empty database, so that no older release runs on it."""
    config = op.get_context().config
    return bool(config and config.attributes[_FROM_NOTHING])


def _config(migrations: Path, database_url: str, schema: str | None = None) -> Config:
    config = Config(attributes={"database_url": database_url, "schema": schema})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade_0001(op: Operations | Any) -> None:
    """Create the tables of the chassis: every service's first revision calls it."""
    op.create_table(
        "idempotency_key",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", "route", "key", name="idempotency_key_pkey"),
    )
    op.create_index("idempotency_key_created_at", "idempotency_key", ["created_at"])
