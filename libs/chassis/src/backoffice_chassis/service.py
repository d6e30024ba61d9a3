"""What a service declares of itself; the chassis does the rest."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter

from backoffice_chassis.approvals.kinds import ApprovalKind
from backoffice_chassis.approvals.tables import SEALED_TERMS
from backoffice_chassis.clock import Clock, SystemClock
from backoffice_chassis.http.idempotency import SEALED_ANSWERS
from backoffice_chassis.secrecy.sealed import Sealed
from backoffice_chassis.settings import ServiceSettings
from backoffice_events.messaging import ConsumerSpec, UnitOfWork


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """Work that one process of the service does again and again, in a transaction of its own each time.

    every: pause between the end of one run and the start of the next.
    """

    name: str
    every: timedelta
    run: Callable[[UnitOfWork], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """One service. name: as the platform's topics and roles spell it. migrations: the folder with alembic's env.py.

    approvals: what two persons are needed for. sealed: what of its tables rests encrypted.
    """

    name: str
    title: str
    description: str
    settings: ServiceSettings
    routers: Sequence[APIRouter]
    migrations: Path
    consumers: Sequence[ConsumerSpec] = ()
    jobs: Sequence[PeriodicJob] = ()
    approvals: Sequence[ApprovalKind] = ()
    sealed: Sequence[Sealed] = ()
    clock: Clock = field(default_factory=SystemClock)

    @property
    def source(self) -> str:
        """Return the `ce_source` of the events that the service publishes."""
        return f"urn:backoffice:{self.name}"

    @property
    def sealed_columns(self) -> Sequence[Sealed]:
        """Return what rests encrypted in its database, with what every service has."""
        return (*self.sealed, SEALED_TERMS, SEALED_ANSWERS)
