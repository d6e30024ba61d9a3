"""The one process that owns the whole stack: starts it in order, restarts what dies, stops it all.

Run as `python -m backoffice_cli.stack.supervisor FOLDER [--servers-only]`, detached, by `backoffice up`.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import psutil

from backoffice_cli.provisioning import access
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.stack import children, holds, jars, migrations, processes, simulators, state
from backoffice_cli.stack.catalogue import ISSUER_MODULE, SERVICES, ServiceEntry, exists
from backoffice_cli.stack.component import Supervised
from backoffice_cli.stack.databases import provision
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.plan import Plan, settle_plan
from backoffice_cli.stack.ports import reserve_ports
from backoffice_cli.stack.servers import Servers
from backoffice_cli.stack.state import Phase, State
from backoffice_events.brokers import Brokers

TICK_SECONDS = 0.2
OWNER = os.environ.get("BACKOFFICE_OWNER_PID")  # set by tests: the stack ends with this process
READY_SECONDS = 120
HOPELESS_RESTARTS = 3
SERVICE_STOP_SECONDS = 15
SERVER_STOP_SECONDS = 15
NEEDED_BYTES = 500_000_000


class Supervisor:
    """Owns the processes of one state folder, from the main thread alone: the kernel ties children to it."""

    def __init__(self, folder: Path, *, servers_only: bool) -> None:
        self.folder = folder
        self.servers_only = servers_only
        before = state.read_state(folder)
        self.state = State(os.getpid(), servers_only, migrated=before.migrated if before else {})
        self.left_behind = list(before.components.values()) if before else []
        self.servers: list[Supervised] = []
        self.services: list[Supervised] = []
        self.simulators: dict[str, Supervised] = {}
        self.plan: Plan | None = None
        self.reserved_ports: list[socket.socket] = []
        self.told_to_stop = asyncio.Event()

    async def run(self) -> None:
        """Bring everything up and keep it up until told to stop."""
        watch = asyncio.create_task(self._watch())
        watch.add_done_callback(lambda _: self.told_to_stop.set())  # unwatched processes are worse than none
        try:
            await self._unless_stopped(self._bring_up())
            await self.told_to_stop.wait()
        except StackError as error:
            self.say(str(error))
            self.state.phase = Phase.FAILED
        finally:
            watch.cancel()
            self._stop_all()

    async def _unless_stopped(self, work: Awaitable[None]) -> None:
        """Do the work, but leave it where it is when we are told to stop."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self.told_to_stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            working.result()
        else:
            working.cancel()

    async def _bring_up(self) -> None:
        self._check_disk()
        self._clear_left_behind()
        if not jars.are_here():
            self.say("Downloading the broker, once for this user")
        await asyncio.to_thread(jars.ensure_jars)
        plan = settle_plan(self.folder)
        self.reserved_ports = reserve_ports(plan.ports.values())
        self.state.bootstrap_servers = plan.bootstrap_servers
        self.state.issuer_url = processes.url(plan, "issuer")
        await self._start_servers(plan)
        await self._prepare_data(plan)
        await self._start_services(plan)
        waiting = [part.view.name for part in self.services if part.view.phase is not Phase.READY]
        self.state.phase = Phase.DEGRADED if waiting else Phase.READY
        self.plan = plan
        self.say(f"Not ready: {', '.join(waiting)}" if waiting else "Everything is ready")

    async def _start_servers(self, plan: Plan) -> None:
        """Start brokers and database side by side, preparing their data where there are none yet."""
        servers = Servers.of(plan, self.folder)
        self.say("Starting Kafka and PostgreSQL")
        if await servers.prepare():
            self.state.migrated = {}
        self.servers = servers.supervised()
        self._launch(self.servers)
        waiting = await self._wait_ready(self.servers)
        if waiting:
            raise StackError(f"{waiting[0].view.name} does not start.", children.tail(waiting[0].log))
        self.say("Kafka and PostgreSQL are ready")
        databases = [plan.database(service.package) for service in SERVICES]
        await provision(servers.postgres.admin_url, databases)

    async def _prepare_data(self, plan: Plan) -> None:
        """Create topics and bring every database to its newest shape, side by side."""
        due = [s for s in _present() if self.state.migrated.get(s.name) != migrations.digest(s)]
        if due:
            self.say(f"Migrating databases: {', '.join(service.name for service in due)}")
        running = [(service, migrations.start(service, plan, self.folder)) for service in due]
        await create_topics(
            Brokers(self.state.bootstrap_servers), access.load().topics, plan.topology.brokers
        )
        for service, process in running:
            await migrations.finish(service, process, self.folder)
            self.state.migrated[service.name] = migrations.digest(service)

    async def _start_services(self, plan: Plan) -> None:
        described = [processes.service(plan, entry, self.folder) for entry in _present()]
        self.services = [] if self.servers_only else described
        if exists(ISSUER_MODULE):
            self.services.insert(0, processes.issuer(plan, self.folder))
        if plan.topology.traces:
            self.services.insert(0, processes.traces(plan, self.folder))
        self.say(
            f"Starting {', '.join(part.view.name for part in self.services) or 'no service: none is there'}"
        )
        self._launch(self.services)
        await self._wait_ready(self.services)

    def _launch(self, parts: list[Supervised]) -> None:
        for part in parts:
            self.state.components[part.view.name] = part.view
            part.launch()
        self._publish()

    async def _wait_ready(self, parts: list[Supervised]) -> list[Supervised]:
        """Wait until all are ready; return those that are not after a fair time or keep dying."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            waiting = [part for part in parts if part.view.phase is not Phase.READY]
            if all(part.failures >= HOPELESS_RESTARTS for part in waiting):
                return waiting
            await asyncio.sleep(TICK_SECONDS)
        return waiting

    async def _watch(self) -> None:
        """Restart what dies and notice what becomes ready, for ever."""
        while True:
            await asyncio.gather(*map(self._look_after, self._parts()))
            if OWNER and not psutil.pid_exists(int(OWNER)):
                self.told_to_stop.set()
            if self.plan is not None:
                try:
                    self._follow_wanted(self.plan)
                except (OSError, ValueError) as error:
                    self.plan = None
                    self.say(f"No simulators: {error}. Mend simulators.json, then: backoffice down, up")
            await asyncio.sleep(TICK_SECONDS)

    async def _look_after(self, part: Supervised) -> None:
        view = part.view
        if part.restart_at is not None:
            if part.restart_is_due and view.name not in holds.held(self.folder):
                self._launch_again(part)
        elif part.died:
            code = part.process.returncode if part.process else None
            part.plan_restart()
            self.say(f"{view.name} ended with {code}: starting it again. See: backoffice logs {view.name}")
        elif view.phase is Phase.STARTING and await part.ready():
            view.phase = Phase.READY
            if self.state.phase is Phase.DEGRADED and self._all_ready():
                self.state.phase = Phase.READY
            self.say(f"{view.name} is ready on port {view.port}" if view.port else f"{view.name} runs")

    def _launch_again(self, part: Supervised) -> None:
        """Start a part that ended; where that cannot be done now, as on a full disk, it is tried again later."""
        try:
            part.launch()
        except OSError as error:
            part.plan_restart()
            self.say(f"{part.view.name} cannot be started now, and will be tried again: {error}")
        self._publish()

    def _parts(self) -> list[Supervised]:
        return [*self.servers, *self.services, *self.simulators.values()]

    def _all_ready(self) -> bool:
        return all(part.view.phase is Phase.READY for part in self._parts())

    def _follow_wanted(self, plan: Plan) -> None:
        """Run the simulators that are wanted, with the switches that are wanted, and no others."""
        wanted = simulators.wanted(self.folder)
        for name, part in list(self.simulators.items()):
            if wanted.get(name) != part.view.switches:
                _stop([part], SERVICE_STOP_SECONDS)
                del self.simulators[name], self.state.components[name]
                self.say(f"{name} was stopped: it is no longer wanted, or with other switches")
        missing = [name for name in wanted if name not in self.simulators]
        for name in missing:
            self.simulators[name] = simulators.simulator(plan, name, wanted[name], self.folder)
        if missing:
            self._launch([self.simulators[name] for name in missing])

    def say(self, message: str) -> None:
        """Tell whoever follows the state, and the supervisor's own log."""
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), message, flush=True)
        self.state.messages = [*self.state.messages[-200:], message]
        self._publish()

    def _publish(self) -> None:
        """Write down how things stand, for whoever asks; a full disk must not end what it tells of."""
        with contextlib.suppress(OSError):
            self.state.write(self.folder)

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < NEEDED_BYTES:
            raise StackError(
                f"Only {free // 1_000_000} MB are free on the disk of {self.folder}.", "Free some space."
            )

    def _clear_left_behind(self) -> None:
        """Stop what a killed supervisor's children left, where the kernel did not."""
        for component in self.left_behind:
            if component.pid and component.started:
                children.stop_stranger(component.pid, component.started)

    def _stop_all(self) -> None:
        """Services first, so that they finish and commit; then the servers they stand on."""
        failed = self.state.phase is Phase.FAILED
        self.state.phase = Phase.FAILED if failed else Phase.STOPPING
        self._publish()
        _stop([*self.simulators.values(), *self.services], SERVICE_STOP_SECONDS)
        _stop(self.servers, SERVER_STOP_SECONDS)
        for component in self.state.components.values():
            component.pid, component.started, component.phase = None, None, Phase.STOPPED
        self.state.phase = Phase.FAILED if failed else Phase.STOPPED
        self._publish()


def _stop(parts: list[Supervised], patience_seconds: float) -> None:
    living = [(part.process, part.stop_signal) for part in parts if part.process is not None]
    children.stop(living, patience_seconds=patience_seconds)


def _present() -> list[ServiceEntry]:
    return [service for service in SERVICES if exists(service.module)]


async def main(folder: Path, *, servers_only: bool) -> int:
    """Supervise the folder's stack; 0 when stopped as told or when another supervisor is at work already."""
    lock = state.take_lock(folder, os.getpid())
    if lock is None:
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is not up yet is no news
    with lock:
        supervisor = Supervisor(folder, servers_only=servers_only)
        loop = asyncio.get_running_loop()
        for told in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(told, supervisor.told_to_stop.set)
        supervisor.state.write(folder)
        await supervisor.run()
        return int(supervisor.state.phase is Phase.FAILED)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), servers_only="--servers-only" in sys.argv)))
