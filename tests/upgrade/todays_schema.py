"""A pytest plugin for the previous release's suite: its databases have been upgraded to today's schema.

As in an upgrade, its own migrations run first, then today's, with today's code. The previous release's packages come
before today's on this process's path, so today's run in a process of their own. `TODAYS_SERVICES` names the folder in
which each service's migrations lie.
"""

import os
import subprocess
import sys
from pathlib import Path

from backoffice_cli.stack import testing

# A suite may empty every table between its tests, those included that came after it and forbid that. No release does
# so itself: TRUNCATE is let through on tables that the previous release does not know.
UPGRADE = """
import asyncio
import sys
from pathlib import Path

import asyncpg

from backoffice_chassis.migrations import upgrade

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
GUARDS = "SELECT c.relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE tgtype & 32 > 0"


async def main(migrations, url):
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    known = {row[0] for row in await connection.fetch(TABLES)}
    await asyncio.to_thread(upgrade, migrations, url)
    for table, guard in await connection.fetch(GUARDS):
        if table not in known:
            await connection.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER "{guard}"')
    await connection.close()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""

formerly = testing.upgrade


def today(migrations: Path, database_url: str) -> None:
    """Build the schema of the service whose former migrations these are, and upgrade it."""
    formerly(migrations, database_url)
    folder = Path(os.environ["TODAYS_SERVICES"]) / migrations.resolve().parent.name / "migrations"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", UPGRADE, folder, database_url], env=environment, check=True)


testing.upgrade = today
