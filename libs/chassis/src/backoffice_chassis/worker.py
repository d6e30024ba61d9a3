"""The worker of a service: its event consumers, the outbox relay and the periodic jobs."""

import asyncio
import contextlib

import structlog

from backoffice_chassis.approvals.store import EXPIRY
from backoffice_chassis.audit.keys import Signer
from backoffice_chassis.audit.sealing import sealing
from backoffice_chassis.health import Check
from backoffice_chassis.housekeeping import housekeeping
from backoffice_chassis.jobs import JobRunner
from backoffice_chassis.service import Service
from backoffice_events.messaging.runtime import Messaging

log = structlog.get_logger(__name__)

_BETWEEN_TRIES_SECONDS = 1.0


class Worker:
    """Runs until told to stop. Waits for database and broker, however long they take, and says so."""

    def __init__(self, service: Service, messaging: Messaging, database: Check, signer: Signer) -> None:
        self._messaging = messaging
        jobs = [*service.jobs, *housekeeping(service.settings), sealing(service.name, signer), EXPIRY]
        self._jobs = JobRunner(jobs, messaging.transactions)
        self._database = database
        self._stop_seconds = service.settings.shutdown_timeout_seconds
        self._stopping = asyncio.Event()
        self._started = False

    def stop(self) -> None:
        """Stop fetching; finish, commit and send the work in hand; then `run` returns."""
        self._stopping.set()
        self._jobs.stop()

    async def run(self) -> None:
        """Run everything until `stop`. Raises when the jobs end of themselves: the process can't go on without them."""
        if not await self._database_is_there():
            return
        await self._messaging.start()
        self._started = True
        jobs = asyncio.create_task(self._jobs.run())
        told = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({jobs, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            stopping = self._messaging.stop(seconds=self._stop_seconds)
            await asyncio.gather(stopping, _finish(jobs, self._stop_seconds))

    async def _database_is_there(self) -> bool:
        """Wait for a database with our schema; False when told to stop before."""
        said = None
        while not self._stopping.is_set():
            reason = await self._database()
            if reason is None:
                return True
            if reason != said:
                log.warning("worker waits for its database", reason=reason)
                said = reason
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _BETWEEN_TRIES_SECONDS)
        return False

    async def progress(self) -> str | None:
        """Return None while every consumer and the relay make progress."""
        return None if self._messaging.alive else "a consumer or the relay makes no progress"

    async def assignment(self) -> str | None:
        """Return which consumers take no events, None when all do."""
        if not self._started:
            return "have not started: the database is not there yet"
        if problems := self._messaging.problems():
            return "; ".join(problems)
        return None if await self._messaging.broker_answers() else "the broker does not answer"


async def _finish(task: asyncio.Task[None], seconds: float) -> None:
    """Wait for a task, and cancel it after `seconds`; what it has not committed by then is rolled back."""
    await asyncio.wait({task}, timeout=seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
