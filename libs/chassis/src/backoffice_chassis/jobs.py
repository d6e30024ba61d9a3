"""Periodic jobs: one process of a service runs them, each in a transaction of its own."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from backoffice_chassis.service import PeriodicJob
from backoffice_events.messaging import Transactions
from backoffice_events.messaging.failures import describe
from backoffice_events.messaging.leadership import stand_for_leadership

log = structlog.get_logger(__name__)

_LEADERSHIP: Final = (
    3089757694030982491  # hashtextextended('backoffice periodic jobs', 0), as in earlier releases
)
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
                await self._lead_if_nobody_does()
            except Exception as error:
                log.warning("periodic jobs wait for the database", error=describe(error))
            await self._pause(_BETWEEN_TRIES_SECONDS)

    async def _lead_if_nobody_does(self) -> None:
        async with stand_for_leadership(self._transactions.engine, _LEADERSHIP) as session:
            if session is not None:
                await self._run_when_due(session)

    async def _run_when_due(self, session: asyncpg.Connection) -> None:
        """Run each job at once, then again whenever its time has passed. Losing the leader's session ends it."""
        loop = asyncio.get_running_loop()
        due = {job.name: loop.time() for job in self._jobs}
        while not self._stopping.is_set():
            job = min(self._jobs, key=lambda each: due[each.name])
            await self._pause(due[job.name] - loop.time())
            if self._stopping.is_set():
                return
            await session.fetchval("SELECT 1")
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
