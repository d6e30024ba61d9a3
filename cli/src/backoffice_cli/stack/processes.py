"""How each of the platform's own processes is started: command, environment, readiness."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx

from backoffice_cli.stack import children
from backoffice_cli.stack.catalogue import ISSUER_MODULE, ServiceEntry
from backoffice_cli.stack.component import Supervised
from backoffice_cli.stack.overrides import override_of
from backoffice_cli.stack.paths import repository_root, write_whole
from backoffice_cli.stack.plan import Plan
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.stack.state import Component

TRACES = "traces"
RECEIVER_MODULE = "backoffice_cli.traces.receiver"

Check = Callable[[], Awaitable[bool]]


def base_environment(plan: Plan) -> dict[str, str]:
    """Return what every process of the platform is told: where the broker, the issuer and who takes traces are."""
    return {
        "PYTHONUNBUFFERED": "1",
        "BACKOFFICE_KAFKA_BOOTSTRAP_SERVERS": plan.clients_bootstrap_servers,
        "BACKOFFICE_ISSUER_URL": url(plan, "issuer"),
        **({"BACKOFFICE_OTLP_ENDPOINT": url(plan, TRACES)} if plan.topology.traces else {}),
    }


def service_environment(plan: Plan, service: ServiceEntry) -> dict[str, str]:
    """Return what one service is told. The password of the role that owns the tables is not among it."""
    return {
        **base_environment(plan),
        "BACKOFFICE_DATABASE_URL": plan.service_database(service.package).url,
        "BACKOFFICE_AUDIT_KEY": plan.audit_keys[service.package],
        "BACKOFFICE_FIELD_KEYS": plan.field_keys[service.package],
        **({"BACKOFFICE_EVENT_KEYS": plan.event_keys} if service.shares_event_keys else {}),
        "BACKOFFICE_HTTP_HOST": LOOPBACK,
        "BACKOFFICE_HTTP_PORT": str(plan.ports[service.name]),
    }


def url(plan: Plan, name: str) -> str:
    """Return the base URL of an HTTP component."""
    return f"http://{LOOPBACK}:{plan.ports[name]}"


def service(plan: Plan, entry: ServiceEntry, folder: Path) -> Supervised:
    """Describe a service, API and worker in one process, and leave its environment in a file to start it by hand."""
    environment = service_environment(plan, entry)
    lines = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
    write_whole(folder / "env" / f"{entry.name}.env", lines, 0o600)
    view = Component(entry.name, plan.ports[entry.name])
    ready = answers(f"{url(plan, entry.name)}/readyz")
    log = log_of(folder, entry.name)

    def start() -> subprocess.Popen[bytes]:
        override = override_of(folder, entry.name)
        command = (sys.executable, "-m", *override.arguments(entry.module))
        return _spawn(command, {**environment, **override.environment}, log)

    return Supervised(view, start, ready, log)


def issuer(plan: Plan, folder: Path) -> Supervised:
    """Describe the local identity provider."""
    environment = {
        **base_environment(plan),
        "ISSUER_CLIENTS_FILE": str(folder / "issuer" / "clients.json"),
        "ISSUER_STATE_DIR": str(folder / "issuer"),
        "ISSUER_URL": url(plan, "issuer"),
        "ISSUER_HTTP_HOST": LOOPBACK,
        "ISSUER_HTTP_PORT": str(plan.ports["issuer"]),
    }
    view = Component("issuer", plan.ports["issuer"])
    ready = answers(f"{url(plan, 'issuer')}/.well-known/openid-configuration")
    return supervised(view, (sys.executable, "-m", ISSUER_MODULE), environment, ready, folder)


def traces(plan: Plan, folder: Path) -> Supervised:
    """Describe who takes the traces."""
    port = plan.ports[TRACES]
    command = (sys.executable, "-m", RECEIVER_MODULE, str(port))
    ready = answers(f"{url(plan, TRACES)}/livez")
    return supervised(Component(TRACES, port), command, {}, ready, folder)


def supervised(
    view: Component, command: tuple[str, ...], environment: Mapping[str, str], ready: Check, folder: Path
) -> Supervised:
    """Describe a process of ours: its settings on top of our own environment, its output in a log of its name."""
    log = log_of(folder, view.name)
    return Supervised(view, lambda: _spawn(command, environment, log), ready, log)


def log_of(folder: Path, name: str) -> Path:
    """Return where the output of a process of ours goes."""
    return folder / "logs" / f"{name}.log"


def _spawn(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    return children.spawn(command, log=log, env={**os.environ, **environment}, cwd=repository_root())


def answers(ready_url: str) -> Check:
    """Return a check that is true once the URL answers 200."""

    async def check() -> bool:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(ready_url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return check
