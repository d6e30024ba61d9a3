"""A service's role reads and writes its own database and can do nothing else."""

from pathlib import Path

import asyncpg
import pytest

from backoffice_cli.stack.databases import grant_connect
from backoffice_cli.stack.testing import Migrated, PostgresServer

pytestmark = pytest.mark.integration

ENV = """
from alembic import context

url = context.config.attributes["database_url"].replace("+asyncpg", "")
import asyncio, asyncpg

async def run() -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE coupon (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)")
    await connection.close()

asyncio.run(run())
"""


@pytest.fixture(scope="session")
def migrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service") / "bond-desk" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    return folder


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url.replace("+asyncpg", ""))


async def test_a_fresh_database_has_the_migrated_tables_and_takes_rows(
    migrated_database: Migrated, migrations: Path
) -> None:
    connection = await connect(await migrated_database(migrations))
    await connection.execute("INSERT INTO coupon (id) VALUES (1)")
    assert await connection.fetchval("SELECT count(*) FROM coupon") == 1
    await connection.close()


async def test_two_fresh_databases_share_nothing(migrated_database: Migrated, migrations: Path) -> None:
    first = await connect(await migrated_database(migrations))
    second = await connect(await migrated_database(migrations))
    await first.execute("INSERT INTO coupon (id) VALUES (1)")
    assert await second.fetchval("SELECT count(*) FROM coupon") == 0
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "DROP TABLE coupon",
        "TRUNCATE coupon",
    ],
)
async def test_the_run_time_role_cannot_define_or_empty_tables(
    migrated_database: Migrated, migrations: Path, statement: str
) -> None:
    connection = await connect(await migrated_database(migrations))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_preparing_a_database_again_takes_back_what_an_earlier_release_gave(
    postgres: PostgresServer, migrated_database: Migrated, migrations: Path
) -> None:
    url = await migrated_database(migrations)
    database, role = url.rpartition("/")[2], url.partition("://")[2].partition(":")[0]
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {role}")
    connection = await connect(url)
    await connection.execute("CREATE TEMPORARY TABLE given (id int)")
    await grant_connect(admin, database, f"{role}_owner", role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TEMPORARY TABLE taken (id int)")
    await connection.close()
    await admin.close()


async def test_no_role_reaches_the_database_of_another_service(
    postgres: PostgresServer, migrated_database: Migrated, migrations: Path
) -> None:
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'test'")
    await admin.close()
    url = await migrated_database(migrations)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect(postgres.url("stranger", url.rpartition("/")[2]))
