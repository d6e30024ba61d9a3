"""Whether a process lives and may be given work: `/livez` by progress, `/readyz` by what it stands on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from backoffice_chassis.revisions import Revisions, found_in
from backoffice_chassis.secrecy import keys
from backoffice_events.messaging import Transactions

_PATIENCE_SECONDS = 3

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else what is wrong, in words for the person on duty."""


@dataclass(slots=True)
class Health:
    """The checks of one process. stopping: set when it was told to stop, so that no new work comes."""

    ready: Mapping[str, Check]
    alive: Mapping[str, Check] = field(default_factory=dict)
    stopping: bool = False

    async def readiness(self) -> dict[str, str]:
        """Return what stands in the way of work, by check; empty when it may be given work."""
        if self.stopping:
            return {"process": "is stopping"}
        return await _failures(self.ready)

    async def liveness(self) -> dict[str, str]:
        """Return why the process should be replaced, by check; empty when it lives."""
        return await _failures(self.alive)


def health_router(health: Health) -> APIRouter:
    """Return /livez, /readyz and /metrics: the routes that need no token, and say nothing that does."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Whether the process makes progress", response_model=None)
    async def livez() -> Response:
        return _answer(await health.liveness())

    @router.get("/readyz", summary="Whether the process may be given work", response_model=None)
    async def readyz() -> Response:
        return _answer(await health.readiness())

    @router.get("/metrics", summary="Metrics in Prometheus' text format", response_model=None)
    async def metrics() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def database_check(transactions: Transactions, folder: Path) -> Check:
    """Return a check that the database answers, has the schema that this release runs on, and can be decrypted."""
    revisions = Revisions.of(folder)

    async def check() -> str | None:
        try:
            async with transactions.engine.connect() as connection:
                if not revisions.runs_on(await found_in(connection)):
                    return "is not migrated: run `migrate`"
                missing = await keys.missing_versions(connection)
        except (SQLAlchemyError, OSError) as error:
            return f"can't be reached ({type(error).__name__})"
        wanted = ", ".join(map(str, missing))
        return (
            f"is encrypted by a key that BACKOFFICE_FIELD_KEYS lacks: version {wanted}" if missing else None
        )

    return check


async def _failures(checks: Mapping[str, Check]) -> dict[str, str]:
    results = await asyncio.gather(*(_patiently(check) for check in checks.values()))
    return {name: result for name, result in zip(checks, results, strict=True) if result is not None}


async def _patiently(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await check()
    except TimeoutError:
        return f"did not answer within {_PATIENCE_SECONDS} s"


def _answer(failures: dict[str, str]) -> JSONResponse:
    body = {"status": "failing", "failures": failures} if failures else {"status": "ok"}
    return JSONResponse(body, 503 if failures else 200, headers={"Cache-Control": "no-store"})
