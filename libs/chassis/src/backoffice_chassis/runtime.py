"""What runs inside a process of a service, from start to SIGTERM."""

import asyncio
import signal

import structlog
import uvicorn

from backoffice_chassis import metrics
from backoffice_chassis.app import create_app
from backoffice_chassis.health import Check, Health, database_check
from backoffice_chassis.http.server import http_server
from backoffice_chassis.memory import spare_collections
from backoffice_chassis.resources import open_resources
from backoffice_chassis.service import Service
from backoffice_chassis.telemetry import Telemetry
from backoffice_chassis.worker import Worker

log = structlog.get_logger(__name__)


async def serve(service: Service, *, api: bool, worker: bool) -> None:
    """Run the HTTP API, the worker or both until SIGTERM: unready, stop fetching, finish, commit, send, leave.

    Raises what ended a part before its time, so that the process ends and is started anew.
    """
    telemetry = Telemetry.start(service.name, service.settings)
    async with open_resources(service) as resources:
        database = database_check(resources.transactions, service.migrations)
        log.info("audit log is signed", public_key=resources.signer.public_key)
        work = Worker(service, resources.messaging, database, resources.signer) if worker else None
        health = _health(database, work)
        app = create_app(service, resources, health, api=api)
        telemetry.trace_statements(resources.transactions.engine)
        metrics.observe(resources.transactions.engine)
        spare_collections()
        await _run(http_server(app, service.settings), work, health)
    telemetry.stop()
    log.info("stopped")


async def _run(server: uvicorn.Server, work: Worker | None, health: Health) -> None:
    """Run until a signal, or until a part ends by itself; then let every part finish what it has in hand."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    parts = [asyncio.create_task(server.serve())]
    if work is not None:
        parts.append(asyncio.create_task(work.run()))
    log.info("listening", address=f"{server.config.host}:{server.config.port}")
    signalled = asyncio.create_task(told.wait())
    await asyncio.wait([*parts, signalled], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping", told=told.is_set())
    health.stopping = True
    server.should_exit = True
    if work is not None:
        work.stop()
    await asyncio.gather(*parts)
    if not told.is_set():
        raise SystemExit("a part of the process ended before it was told to")


def _health(database: Check, work: Worker | None) -> Health:
    if work is None:
        return Health(ready={"database": database})
    return Health(
        ready={"database": database, "consumers": work.assignment}, alive={"messaging": work.progress}
    )
