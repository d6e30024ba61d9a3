"""For tests of a service: its application on a test database, called as anybody; a proof that each route is guarded."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis.app import create_app
from backoffice_chassis.audit.trail import CHANGING, Audited, declared
from backoffice_chassis.database import secrecy
from backoffice_chassis.http.problems import MISSING_TOKEN, unauthenticated
from backoffice_chassis.resources import open_resources
from backoffice_chassis.security.access import Reach, access_rules
from backoffice_chassis.security.principal import Principal, Role
from backoffice_chassis.security.scope import WHOLE_FIRM, Scope
from backoffice_chassis.security.tokens import TokenVerifier
from backoffice_chassis.service import Service

AUDIT_KEY = SecretStr("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
"""What tests sign the audit log with: not a secret."""

FIELD_KEYS = SecretStr("1:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")
"""What tests wrap data keys by: not a secret."""

EVENT_KEYS = SecretStr("1:YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=")
"""What tests encrypt the accounts in events by: not a secret."""

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/docs", "/docs/oauth2-redirect", "/openapi.json"})


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = datetime(2024, 6, 3, 9, 30, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the time it stands at."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move it forward."""
        self._now += by


class TrustingVerifier(TokenVerifier):
    """Takes `Bearer <subject>;<role>,<role>` at its word, and a third part as `as_caller` writes it."""

    def __init__(self) -> None:
        pass

    async def principal(self, authorization: str | None) -> Principal:
        """Return the principal that the header spells out."""
        scheme, _, claims = (authorization or "").partition(" ")
        subject, separator, rest = claims.partition(";")
        roles, _, limits = rest.partition(";")
        if scheme != "Bearer" or not separator:
            raise unauthenticated(MISSING_TOKEN)
        held = frozenset(Role(role) for role in roles.split(",") if role)
        return Principal(subject, held, "test-client", _scope(limits))


def as_caller(subject: str, *roles: Role, scope: Scope = WHOLE_FIRM) -> dict[str, str]:
    """Return the header with which a test calls as somebody."""
    limits = {name: sorted(some) for name, some in _limits(scope) if some is not None}
    return {"Authorization": f"Bearer {subject};{','.join(roles)};{json.dumps(limits)}"}


def _limits(scope: Scope) -> tuple[tuple[str, AbstractSet[str] | None], ...]:
    return ("entities", scope.entities), ("books", scope.books)


def _scope(limits: str) -> Scope:
    return Scope(**{name: frozenset(some) for name, some in json.loads(limits or "{}").items()})


def engine_for(database_url: str) -> AsyncEngine:
    """Return an engine on a test database that encrypts and decrypts as the application of `app_for` does."""
    options = secrecy(FIELD_KEYS.get_secret_value(), EVENT_KEYS)
    return create_async_engine(database_url, execution_options=options)


@asynccontextmanager
async def app_for(service: Service) -> AsyncIterator[FastAPI]:
    """Return the service's application on the database of its settings; tokens are those of `as_caller`."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([structlog.stdlib.add_log_level, plain])
    async with open_resources(service) as real:
        yield create_app(service, replace(real, verifier=TrustingVerifier()))


@asynccontextmanager
async def client_for(
    app: FastAPI, subject: str = "tester", *roles: Role, scope: Scope = WHOLE_FIRM
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that calls the application as `subject` with `roles` (every role when none is named)."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = as_caller(subject, *(roles or tuple(Role)), scope=scope)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


def client_beside(client: httpx.AsyncClient, subject: str, *roles: Role, scope: Scope) -> httpx.AsyncClient:
    """Return a client of the application that another client calls, as somebody whose token is limited."""
    headers = as_caller(subject, *roles, scope=scope)
    return httpx.AsyncClient(transport=client._transport, base_url=client.base_url, headers=headers)


async def unguarded_routes(app: FastAPI) -> list[str]:
    """Call every route without a token; return those that answer anything but 401 and are not meant to be open."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answers = [(f"{m} {p}", await client.request(m, p)) for m, p in _routes(app) if p not in OPEN_PATHS]
    return [name for name, answer in answers if answer.status_code != 401]


def _routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if isinstance(context.original_route, APIRoute):
            for method in sorted(context.methods or ()):
                yield method, path
        else:
            yield "GET", path


def routes_reaching(app: FastAPI, reach: Reach) -> set[str]:
    """Return the routes that show and change what is said, as their declarations have it: `GET /notes/{note_id}`."""
    found = set()
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and any(rule.reach is reach for rule in access_rules(route.dependant)):
            found |= {f"{method} {context.path}" for method in context.methods or ()}
    return found


async def every_item(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """Return what a list shows, page after page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        answer.raise_for_status()
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return items


def changing_routes(app: FastAPI) -> dict[str, str | None]:
    """Return what each route that may change something records: `POST /notes` -> `write_note note`; None: it reads."""
    found: dict[str, str | None] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        for method in sorted(CHANGING & set(context.methods or ())):
            if not isinstance(route, APIRoute):
                raise TypeError(f"{method} {context.path} is served past the edge, which sees to the record")
            found[f"{method} {context.path}"] = _recorded_by(route)
    return found


def _recorded_by(route: APIRoute) -> str | None:
    for each in declared(route.dependant):
        if isinstance(each, Audited):
            return f"{route.name} {each.object_type}"
    return None


async def found_in_clear(database_url: str, values: Sequence[str]) -> set[tuple[str, str]]:
    """Return which of the values stand where in a database, `(table.column, value)`: every column of every table."""
    engine = create_async_engine(database_url)
    columns = text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    found = set()
    async with engine.connect() as connection:
        for table, column, kind in (await connection.execute(columns)).all():
            shown = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"\\:\\:text'
            query = text(
                f"SELECT wanted FROM unnest(CAST(:values AS text[])) AS wanted"  # noqa: S608  a test's own tables
                f' WHERE EXISTS (SELECT FROM "{table}" WHERE position(wanted in {shown}) > 0)'
            )
            hits = await connection.execute(query, {"values": list(values)})
            found |= {(f"{table}.{column}", value) for value in hits.scalars()}
    await engine.dispose()
    return found
