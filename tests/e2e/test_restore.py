"""The database server loses its disk while trades flow: base backup and log bring back every one of them. And dumps of
the databases go on in a fresh server, with the topics read again on top.

The steps are those of "Backups and restores" in docs/operators.md, with PostgreSQL's own programs.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import psutil
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from backoffice_cli.auditor.evidence.databases import superuser_url
from backoffice_cli.commands.reconcile import run as reconcile
from backoffice_cli.demo.run import prepare_firm, prepare_stack, settle, trade
from backoffice_cli.flow import consumed
from backoffice_cli.platform import Platform, Stack
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.control import bring_down, bring_up
from backoffice_cli.stack.holds import hold, let_go
from backoffice_cli.stack.state import Component, Phase, read_state

pytestmark = pytest.mark.e2e

TRADES: Final = 300
PER_SECOND: Final = 30
AT_MOST: Final = 120.0
RECEIVER: Final = "backup"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Return a platform of its own: what is done to it is not for others to share."""
    folder = Path(tempfile.mkdtemp(prefix="backoffice-restore-"))
    folder.chmod(0o711)
    try:
        running = prepare_stack(folder / "state", print)
        prepare_firm(running, "1", print)
        yield running
    finally:
        bring_down(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Server:
    """The platform's PostgreSQL, as whoever operates it sees it."""

    platform: Platform
    data: Path
    programs: Path
    owner: os.stat_result
    archive: Path
    base: Path

    @property
    def dumps(self) -> list[tuple[str, Path]]:
        """The services' databases, and the file that each is dumped to."""
        names = [entry.package for entry in SERVICES]
        return [(name, self.archive.parent / f"{name}.dump") for name in names]

    @classmethod
    def of(cls, platform: Platform) -> "Server":
        pid = component(platform).pid
        assert pid is not None
        backups = platform.folder.parent
        data = Path(asyncio.run(ask(platform, "SELECT current_setting('data_directory')")))
        programs = Path(psutil.Process(pid).exe()).parent
        return cls(platform, data, programs, data.stat(), backups / "archive", backups / "base")

    def program(self, name: str, *arguments: str, database: str = "postgres") -> list[str]:
        url = f"{superuser_url(self.platform, database)}?application_name={RECEIVER}"
        return [str(self.programs / name), f"--dbname={url}", *arguments]

    def receive_log(self) -> "subprocess.Popen[bytes]":
        """Keep every record of the log elsewhere before its transaction is told to be committed."""
        self.archive.mkdir()
        slot = f"--slot={RECEIVER}"
        subprocess.run(self.program("pg_receivewal", slot, "--create-slot"), check=True)
        receiver = subprocess.Popen(
            self.program("pg_receivewal", slot, "--synchronous", f"--directory={self.archive}")
        )
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'backup'"
        until(lambda: asyncio.run(ask(self.platform, streaming)) == "1", "the log is not received")
        asyncio.run(ask(self.platform, f"ALTER SYSTEM SET synchronous_standby_names = '{RECEIVER}'"))
        asyncio.run(ask(self.platform, "SELECT pg_reload_conf()"))
        return receiver

    def back_up(self) -> None:
        """Take a base backup while work goes on."""
        without_log = ("--wal-method=none", "--checkpoint=fast", "--no-manifest")
        subprocess.run(self.program("pg_basebackup", f"--pgdata={self.base}", *without_log), check=True)

    def lose_disk(self) -> None:
        """Kill the server and remove everything that it had stored."""
        hold(self.platform.folder, "postgres")
        former = component(self.platform).pid
        assert former is not None
        os.kill(former, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(former), "the server does not die")
        shutil.rmtree(self.data)

    def restore(self) -> None:
        """Put the base backup in place, tell it where the log is, and start."""
        for partial in self.archive.glob("*.partial"):  # the segment that was being written
            partial.rename(partial.with_suffix(""))
        shutil.copytree(self.base, self.data)
        (self.data / "recovery.signal").touch()
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {self.archive}/%f %p'\nsynchronous_standby_names = ''\n")
        give(self.archive, self.owner)
        give(self.data, self.owner)
        self.data.chmod(0o700)
        let_go(self.platform.folder, "postgres")
        until(self.is_ready, "the server does not come back")

    def dump(self) -> None:
        for name, file in self.dumps:
            command = self.program("pg_dump", "--format=custom", f"--file={file}", database=name)
            subprocess.run(command, check=True)

    def restore_dumps(self) -> None:
        """Put the databases in the place of empty ones of the same names."""
        for _, file in self.dumps:
            anew = ("--clean", "--if-exists", "--create", "--exit-on-error")
            subprocess.run(self.program("pg_restore", *anew, str(file)), check=True)

    def is_ready(self) -> bool:
        try:
            return asyncio.run(ask(self.platform, "SELECT pg_is_in_recovery()")) == "False"
        except (OSError, asyncpg.PostgresError):
            return False


def component(platform: Platform) -> Component:
    state = read_state(platform.folder)
    assert state is not None
    return state.components["postgres"]


async def ask(platform: Platform, statement: str, database: str = "postgres") -> str:
    connection = await asyncpg.connect(superuser_url(platform, database))
    try:
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


def until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + AT_MOST
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def give(path: Path, owner: os.stat_result) -> None:
    """Let the server's user have what was copied."""
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextlib.contextmanager
def told(what: str, platform: Platform) -> Iterator[None]:
    """Print how long something took, and how large the databases are then; -s shows it."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    size = asyncio.run(ask(platform, "SELECT pg_size_pretty(sum(pg_database_size(oid))) FROM pg_database"))
    print(f"{what} after {took:.1f} s; {size}")


def journals(platform: Platform) -> str:
    return asyncio.run(ask(platform, "SELECT count(*) FROM journal", "ledger"))


def set_back(platform: Platform) -> None:
    """Let every consumer read its topics from the beginning, as `kafka-consumer-groups.sh --reset-offsets` does."""
    admin = AdminClient({"bootstrap.servers": platform.brokers.bootstrap_servers})
    services = tuple(f"{entry.name}." for entry in SERVICES)
    groups = [each.group_id for each in admin.list_consumer_groups().result().valid]
    for group in (group for group in groups if group.startswith(services)):
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
        places = [TopicPartition(each.topic, each.partition, 0) for each in asked.result().topic_partitions]
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result()


def test_a_disk_that_is_lost_while_trades_flow_costs_no_trade(platform: Platform) -> None:
    server = Server.of(platform)
    receiver = server.receive_log()
    trading = threading.Thread(target=trade, args=(platform, TRADES, PER_SECOND, "1"))
    try:
        server.back_up()
        trading.start()
        until(lambda: consumed(platform)["ledger.trades"] > TRADES // 3, "no trade is booked")
        server.lose_disk()
    finally:
        receiver.terminate()
        receiver.wait()
    assert not server.data.exists()
    with told("the server is back from base backup and log", platform):
        server.restore()
    trading.join()
    settle(platform)
    report = reconcile(platform)
    assert report.breaks == []
    assert report.ok
    assert report.trades.published >= TRADES
    assert component(platform).phase is Phase.READY


def test_dumped_databases_go_on_in_a_fresh_server_that_takes_every_topic_again(platform: Stack) -> None:
    server = Server.of(platform)
    trade(platform, TRADES // 3, PER_SECOND, "2")
    before = journals(platform)
    restart(platform, servers_only=True)
    server.dump()
    bring_down(platform.folder)
    shutil.rmtree(server.data.parent)
    bring_up(platform.folder, print, servers_only=True)
    with told("the dumps are restored", platform):
        server.restore_dumps()
    set_back(platform)
    restart(platform)
    trade(platform, TRADES // 3, PER_SECOND, "3")
    settle(platform)
    report = reconcile(platform)
    assert report.breaks == []
    assert report.ok
    assert int(journals(platform)) > int(before) > TRADES // 4


def restart(platform: Stack, *, servers_only: bool = False) -> None:
    bring_down(platform.folder)
    bring_up(platform.folder, print, servers_only=servers_only)
