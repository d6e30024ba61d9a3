"""Databases and roles: one database for each service, which no other service's role can reach.

`<service>_owner` owns the database and runs migrations; `<service>` reads and writes at run time and defines nothing.
"""

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg

from backoffice_cli.stack.ports import LOOPBACK

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """Where one service keeps its data, and the two roles' passwords."""

    name: str
    owner_password: str
    password: str
    port: int = 5432

    @property
    def owner(self) -> str:
        """Return the role that owns the tables."""
        return f"{self.name}_owner"

    @property
    def url(self) -> str:
        """Return the URL that the service runs with."""
        return f"postgresql+asyncpg://{self.name}:{self.password}@{LOOPBACK}:{self.port}/{self.name}"

    @property
    def migration_url(self) -> str:
        """Return the URL that migrations run with."""
        return f"postgresql+asyncpg://{self.owner}:{self.owner_password}@{LOOPBACK}:{self.port}/{self.name}"


async def provision(admin_url: str, databases: list[ServiceDatabase]) -> None:
    """Create what is missing and set the passwords: safe to repeat."""
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await admin.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        await _keep_standbys_in(admin)
        for database in databases:
            await create_role(admin, database.owner, database.owner_password)
            await create_role(admin, database.name, database.password)
            await _create_database(admin, database)
    finally:
        await admin.close()
    for database in databases:
        url = urlsplit(admin_url)._replace(path=f"/{database.name}").geturl()
        await grant_data_access(url, database.owner, database.name)


async def provision_monitoring(admin_url: str, password: str) -> None:
    """Create the role `monitoring`, which sees every statistic and no row of a service: safe to repeat."""
    admin = await asyncpg.connect(admin_url)
    try:
        await create_role(admin, "monitoring", password)
        await admin.execute("GRANT pg_monitor TO monitoring")
        await admin.execute("GRANT CONNECT ON DATABASE postgres TO monitoring")
    finally:
        await admin.close()


async def _keep_standbys_in(admin: Connection) -> None:
    """Let roles that replicate into the database that pg_rewind speaks to when a failed primary becomes a standby."""
    replicating = (
        "SELECT quote_ident(rolname) FROM pg_roles WHERE rolreplication AND rolcanlogin AND NOT rolsuper"
    )
    for row in await admin.fetch(replicating):
        await admin.execute(f"GRANT CONNECT ON DATABASE postgres TO {row[0]}")


async def create_role(admin: Connection, role: str, password: str) -> None:
    """Create a role that may log in, or set its password."""
    exists = await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    quoted = await admin.fetchval("SELECT quote_literal($1)", password)
    await admin.execute(f"{verb} ROLE {role} LOGIN PASSWORD {quoted}")


async def _create_database(admin: Connection, database: ServiceDatabase) -> None:
    if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database.name):
        await admin.execute(f"CREATE DATABASE {database.name} OWNER {database.owner}")
    await grant_connect(admin, database.name, database.owner, database.name)


async def grant_connect(admin: Connection, database: str, owner: str, role: str) -> None:
    """Let the two roles of a service in, and nobody else; at run time nothing is defined, no temporary table either."""
    await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    await admin.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM {role}")
    await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {owner}, {role}")


async def grant_data_access(admin_url: str, owner: str, role: str) -> None:
    """Let `role` read and write whatever `owner` creates from now on, and define nothing."""
    connection = await asyncpg.connect(admin_url)
    defaults = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT"
    try:
        await connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        await connection.execute(f"{defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}")
        await connection.execute(f"{defaults} USAGE, SELECT ON SEQUENCES TO {role}")
    finally:
        await connection.close()
