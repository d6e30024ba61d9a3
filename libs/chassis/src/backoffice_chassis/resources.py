"""What a running service holds: settings, database, token verifier, the key of its audit log."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
from fastapi import Request

from backoffice_chassis.approvals.dead_letters import discarding
from backoffice_chassis.approvals.kinds import ApprovalKinds
from backoffice_chassis.audit.keys import Signer
from backoffice_chassis.database import close, create_engine, create_report_engine
from backoffice_chassis.http.admission import Admission
from backoffice_chassis.security.keys import IssuerKeys
from backoffice_chassis.security.tokens import TokenVerifier
from backoffice_chassis.service import Service
from backoffice_chassis.settings import ServiceSettings
from backoffice_events.messaging import Transactions
from backoffice_events.messaging.consumer import ConsumerOptions
from backoffice_events.messaging.runtime import Messaging


@dataclass(frozen=True, slots=True)
class Resources:
    """Made once for a process and handed to everything that needs it. service: its name.

    reports: to the database for what reads whole tables, so that it keeps nobody else from a connection.
    """

    service: str
    settings: ServiceSettings
    messaging: Messaging
    reports: Transactions
    verifier: TokenVerifier
    admission: Admission
    signer: Signer
    approvals: ApprovalKinds

    @property
    def transactions(self) -> Transactions:
        """To the database for everything else."""
        return self.messaging.transactions


@asynccontextmanager
async def open_resources(service: Service) -> AsyncIterator[Resources]:
    """Open a service's resources and close them on leaving. Neither database nor issuer need be up yet."""
    settings = service.settings
    signer = Signer(settings.required_audit_key())
    engine = create_engine(settings, application_name=f"backoffice-{service.name}")
    report_engine = create_report_engine(settings, application_name=f"backoffice-{service.name}-report")
    async with (
        httpx.AsyncClient(timeout=5) as http,
        aclosing(IssuerKeys(settings.issuer_url, http)) as keys,
    ):
        verifier = TokenVerifier(
            keys,
            issuer_url=settings.issuer_url,
            audience=settings.audience,
            leeway=timedelta(seconds=settings.clock_skew_seconds),
            whole_firm_by_role=settings.whole_firm_by_role,
            clock=service.clock,
        )
        messaging = Messaging(
            engine,
            brokers=settings.brokers,
            source=service.source,
            clock=service.clock.now,
            consumers=service.consumers,
            options=ConsumerOptions(stall=settings.stuck_after_seconds),
        )
        reports = Transactions(report_engine, source=service.source, clock=service.clock.now)
        approvals = ApprovalKinds([*service.approvals, discarding(messaging.redriver)])
        try:
            yield Resources(
                service.name, settings, messaging, reports, verifier, Admission(settings), signer, approvals
            )
        finally:
            await close(engine, report_engine)


def resources_of(request: Request) -> Resources:
    """Return the resources of the application that serves this request."""
    resources: Resources = request.app.state.resources
    return resources
