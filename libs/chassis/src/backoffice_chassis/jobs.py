"""Periodic jobs: one process of a service runs them, each in a transaction of its own."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.service import PeriodicJob
from backoffice_events.messaging import Transactions

log = structlog.get_logger(__name__)

_LEAD = text("SELECT pg_try_advisory_lock(hashtextextended('backoffice periodic jobs', 0))")

# A leader whose machine vanished must lose the lock in seconds, not after the kernel's two hours.
_SESSION = text(
    "SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),"
    " set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10000', false)"
)
_STILL_THERE = text("SELECT 1")
_BETWEEN_TRIES_SECONDS = 5.0


class JobRunner:
    """Runs a service's jobs while it holds the database's advisory lock. Others wait to take over.

    A job that fails is logged and runs again when it is due next; what it wrote is rolled back.
    """

    def __init__(self, jobs: Sequence[PeriodicJob], transactions: Transactions) -> None:
        self._jobs = jobs
        self._transactions = transactions
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let the job in hand finish; `run` returns after that."""
        self._stopping.set()

    async def run(self) -> None:
        """Run the jobs until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._lead()
            except (SQLAlchemyError, OSError) as error:
                log.warning("periodic jobs wait for the database", error=type(error).__name__)
            await self._pause(_BETWEEN_TRIES_SECONDS)

    async def _lead(self) -> None:
        """Lead, if nobody else does. The session is ended after that, whatever happened: it holds the lock."""
        async with self._transactions.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            if not (await connection.execute(_LEAD)).scalar_one():
                return
            try:
                await connection.execute(_SESSION)
                await self._run_when_due(connection)
            finally:
                await connection.invalidate()

    async def _run_when_due(self, lock: AsyncConnection) -> None:
        """Run each job at once, then again whenever its time has passed. Losing the lock's connection ends it."""
        loop = asyncio.get_running_loop()
        due = {job.name: loop.time() for job in self._jobs}
        while not self._stopping.is_set():
            job = min(self._jobs, key=lambda each: due[each.name])
            await self._pause(due[job.name] - loop.time())
            if self._stopping.is_set():
                return
            await lock.execute(_STILL_THERE)
            await self._run_once(job)
            due[job.name] = loop.time() + job.every.total_seconds()

    async def _run_once(self, job: PeriodicJob) -> None:
        try:
            async with self._transactions.begin() as unit:
                await job.run(unit)
        except Exception:  # a job that fails once must not end the others
            log.exception("periodic job failed", job=job.name)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
