"""The servers of a stack as one: the brokers, the database, and the proxies that may stand before them."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backoffice_cli.stack import children, disk
from backoffice_cli.stack.brokers import brokers
from backoffice_cli.stack.component import Supervised
from backoffice_cli.stack.kafka import Kafka
from backoffice_cli.stack.plan import Plan
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.stack.postgres import Postgres
from backoffice_cli.stack.processes import supervised
from backoffice_cli.stack.state import Component

PROXY_MODULE = "backoffice_cli.chaos.proxy"


@dataclass(frozen=True, slots=True)
class Servers:
    """What everything else stands on."""

    plan: Plan
    folder: Path
    brokers: list[Kafka]
    postgres: Postgres

    @classmethod
    def of(cls, plan: Plan, folder: Path) -> "Servers":
        """Return the servers of a state folder, none of them running."""
        log = folder / "logs" / "postgres.log"
        settings = _settings(plan.topology.database_disk_mb)
        postgres = Postgres.at(
            folder / "postgres", plan.ports["postgres"], plan.admin_password, log, settings
        )
        return cls(plan, folder, brokers(plan, folder), postgres)

    async def prepare(self) -> bool:
        """Make what data there are none of yet, side by side; say whether the database is a new one."""
        if size := self.plan.topology.database_disk_mb:
            disk.mount(self.postgres.folder, size)
        for broker in self.brokers:
            await broker.lock()
        formatting = [(broker, broker.prepare()) for broker in self.brokers]
        initialising = self.postgres.prepare()
        for broker, process in formatting:
            await children.succeed(process, "Kafka's storage could not be formatted.", broker.log)
        what = "PostgreSQL's data directory could not be made."
        await children.succeed(initialising, what, self.postgres.log)
        return initialising is not None

    def supervised(self) -> list[Supervised]:
        """Describe each as a component of the stack."""
        named = zip(self.plan.topology.broker_names, self.brokers, strict=True)
        parts = [*(_part(name, broker) for name, broker in named), _part("postgres", self.postgres)]
        return [*parts, _network(self.plan, self.folder)] if self.plan.topology.proxied else parts


def _part(name: str, server: Kafka | Postgres) -> Supervised:
    view = Component(name, server.port)
    return Supervised(view, server.start, server.ready, server.log, server.stop_signal)


def _settings(disk_mb: int) -> Mapping[str, str]:
    """Keep the write-ahead log from filling a small disk by itself."""
    return {"max_wal_size": f"{max(64, disk_mb // 4)}MB", "min_wal_size": "32MB"} if disk_mb else {}


def _network(plan: Plan, folder: Path) -> Supervised:
    """Describe the proxies: one process, a link for each server."""
    behind = {name: plan.ports[f"{name}-behind-proxy"] for name in plan.topology.broker_names}
    behind["postgres"] = plan.ports["postgres"]
    links = [f"{name}={plan.ports[f'{name}-proxy']}:{port}" for name, port in behind.items()]
    control = plan.ports["network"]

    async def ready() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(LOOPBACK, control)
            writer.close()
            return True
        return False

    command = (sys.executable, "-m", PROXY_MODULE, str(control), *links)
    return supervised(Component("network", control), command, {}, ready, folder)
