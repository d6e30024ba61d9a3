"""Servers for one test session: each starts when the first test asks, serves all workers, ends with the session."""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from backoffice_chassis.migrations import upgrade
from backoffice_cli.stack import children
from backoffice_cli.stack.brokers import new_cluster_id
from backoffice_cli.stack.databases import create_role, grant_connect, grant_data_access
from backoffice_cli.stack.kafka import Kafka
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from backoffice_cli.stack.postgres import Postgres

START_SECONDS = 180
PASSWORD = "test"  # noqa: S105  a server on loopback that lives as long as the test session
# Test data is thrown away with the session: durability would only cost time.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running PostgreSQL. admin_url: the superuser's, for the database `postgres` (asyncpg's form of URL)."""

    port: int

    @property
    def admin_url(self) -> str:
        """Return the superuser's URL for the database `postgres`."""
        return self.url("postgres", "postgres").replace("+asyncpg", "")

    def url(self, role: str, database: str) -> str:
        """Return an async SQLAlchemy URL."""
        return f"postgresql+asyncpg://{role}:{PASSWORD}@{LOOPBACK}:{self.port}/{database}"


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def shared_server(what: str, session: Path, owner: int) -> dict[str, str]:
    """Return where the session's `postgres` or `kafka` is; start it for everybody when nobody has yet.

    session: a folder that all workers of the session share. owner: the process with which the server ends.
    """
    answer = session / f"{what}.json"
    with _exclusive(session / f"{what}.lock"):
        if not answer.exists():
            _start_holder(what, session, owner, answer)
    return dict(json.loads(answer.read_text()))


def _start_holder(what: str, session: Path, owner: int, answer: Path) -> None:
    log = session / f"{what}.holder.log"
    module = "backoffice_cli.stack.testing"
    with log.open("ab") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", module, what, str(session), str(owner)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not answer.exists():
        if holder.poll() is not None or time.monotonic() > deadline:
            server_log = children.tail(session / f"{what}.log")
            raise RuntimeError(f"{what} did not start:\n{children.tail(log)}\n{server_log}")
        time.sleep(0.05)


async def execute(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own, on a database by its URL, SQLAlchemy's or the driver's."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class Migrated:
    """Fresh databases, each a copy of a template that the service's real migrations built once per session."""

    def __init__(self, server: PostgresServer, session: Path) -> None:
        self._server = server
        self._session = session

    async def __call__(self, migrations: Path) -> str:
        """Return the URL of a new database, as the service's run-time role, which can define nothing."""
        role = migrations.resolve().parent.name.replace("-", "_")
        template = f"template_{role}"
        done = self._session / template
        with _exclusive(self._session / f"{template}.lock"):
            if not done.exists():
                await self._build(template, role, migrations)
                done.touch()
        name = f"{role}_{secrets.token_hex(6)}"
        await self._create(name, role, template)
        return self._server.url(role, name)

    async def upgraded(self, migrations: Path, before: str, *statements: str) -> str:
        """Return the superuser's URL of a database of a former revision that was filled and then upgraded."""
        name = f"upgraded_{secrets.token_hex(6)}"
        await execute(self._server.admin_url, f"CREATE DATABASE {name}")
        url = self._server.url("postgres", name)
        await asyncio.to_thread(upgrade, migrations, url, revision=before)
        await execute(url, *statements)
        await asyncio.to_thread(upgrade, migrations, url)
        return url

    async def _build(self, template: str, role: str, migrations: Path) -> None:
        admin = await asyncpg.connect(self._server.admin_url)
        try:
            await create_role(admin, f"{role}_owner", PASSWORD)
            await create_role(admin, role, PASSWORD)
            await admin.execute(f"DROP DATABASE IF EXISTS {template}")
            await admin.execute(f"CREATE DATABASE {template} OWNER {role}_owner")
        finally:
            await admin.close()
        plain = self._server.url("postgres", template).replace("+asyncpg", "")
        await grant_data_access(plain, f"{role}_owner", role)
        await asyncio.to_thread(upgrade, migrations, self._server.url(f"{role}_owner", template))

    async def _create(self, name: str, role: str, template: str) -> None:
        admin = await asyncpg.connect(self._server.admin_url)
        try:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {role}_owner")
            await grant_connect(admin, name, f"{role}_owner", role)
        finally:
            await admin.close()


async def hold(what: str, session: Path, owner: int) -> None:
    """Run one server until the owner is gone or we are told to stop."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    server = _server(what, session)
    try:
        formatting = server.prepare()
        if formatting is not None and formatting.wait() != 0:
            raise SystemExit(f"{what} could not be prepared")
        if isinstance(server, Kafka):
            await server.lock()
        server.start()
        await server.wait_ready()
        address = {
            "bootstrap_servers": f"{LOOPBACK}:{server.port}",
            "port": str(server.port),
            "pid": str(os.getpid()),
        }
        write_whole(session / f"{what}.json", json.dumps(address))
        while not told.is_set() and psutil.pid_exists(owner):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), 1)
    finally:
        if server.process is not None:
            children.stop([(server.process, server.stop_signal)])


def _server(what: str, session: Path) -> Kafka | Postgres:
    log = session / f"{what}.log"
    port, second = draw_ports(2)
    if what == "kafka":
        return Kafka(session / what, port, second, log, new_cluster_id())
    return Postgres.at(session / what, port, PASSWORD, log, FAST)


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
