"""The application factory: one service's routers on the common edge."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from backoffice_chassis import messaging_api
from backoffice_chassis.approvals import api as approvals_api
from backoffice_chassis.audit import api as audit_api
from backoffice_chassis.health import Health, database_check, health_router
from backoffice_chassis.http import handlers
from backoffice_chassis.http.headers import SecurityHeaders
from backoffice_chassis.http.observing import Observing
from backoffice_chassis.resources import Resources
from backoffice_chassis.service import Service


def create_app(
    service: Service, resources: Resources, health: Health | None = None, *, api: bool = True
) -> FastAPI:
    """Return the service's HTTP application. api: False leaves health and metrics alone, for a worker's own port."""
    app = FastAPI(
        title=service.title,
        description=service.description,
        version=_version(),
        redoc_url=None,
        docs_url="/docs" if api else None,
        openapi_url="/openapi.json" if api else None,
        # `Observing` tells of requests; FastAPI would tell of each a second time, under the same name.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.resources = resources
    app.add_middleware(Observing)
    app.add_middleware(SecurityHeaders)
    handlers.register(app)
    database = database_check(resources.transactions, service.migrations)
    app.include_router(health_router(health or Health(ready={"database": database})))
    if api:
        for router in (*service.routers, *messaging_api.routers, audit_api.router, approvals_api.router):
            app.include_router(router)
    return app


def _version() -> str:
    try:
        return version("backoffice-chassis")
    except PackageNotFoundError:
        return "0"
