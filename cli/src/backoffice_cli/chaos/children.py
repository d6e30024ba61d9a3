"""Processes that faults start beside the stack's own: more workers of a service."""

import os
import subprocess
import sys

from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack import children, processes
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.ports import draw_ports

Child = subprocess.Popen[bytes]


def start_worker(stage: Stage, service: str, name: str) -> Child:
    """Start one more worker of a service, as `python -m <package>.main worker`; its log is `<name>.log`."""
    entry = next(each for each in SERVICES if each.name == service)
    environment = {
        **os.environ,
        **processes.service_environment(stage.platform.plan, entry),
        "BACKOFFICE_HTTP_PORT": str(draw_ports(1)[0]),
    }
    log = processes.log_of(stage.folder, name)
    command = (sys.executable, "-m", entry.module, "worker")
    return children.spawn(command, log=log, env=environment, cwd=repository_root())
