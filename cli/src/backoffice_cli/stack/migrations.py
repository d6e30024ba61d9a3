"""Runs each service's own `migrate`, once for each state of its migrations folder."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from backoffice_cli.stack import children
from backoffice_cli.stack.catalogue import ServiceEntry
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.plan import Plan
from backoffice_cli.stack.processes import service_environment


def digest(service: ServiceEntry) -> str:
    """Return what the service's migrations are: they need not run again while it stays the same."""
    found = hashlib.sha256()
    for path in sorted(service.migrations.rglob("*.py")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def start(service: ServiceEntry, plan: Plan, folder: Path) -> subprocess.Popen[bytes]:
    """Start a service's migration as the role that owns its tables."""
    environment = {
        **os.environ,
        **service_environment(plan, service),
        "BACKOFFICE_MIGRATION_DATABASE_URL": plan.database(service.package).migration_url,
    }
    command = (sys.executable, "-m", service.module, "migrate")
    return children.spawn(command, log=_log(service, folder), env=environment, cwd=repository_root())


async def finish(service: ServiceEntry, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a migration. Raises StackError with its last words when it fails."""
    what = f"The database of {service.name} could not be migrated."
    await children.succeed(process, what, _log(service, folder))


def _log(service: ServiceEntry, folder: Path) -> Path:
    return folder / "logs" / f"{service.name}.migrate.log"
