"""Every route of every service, called without a token, with bad ones, as each role, and by a token that is limited to
some books; docs/access.md is what came of it.

Tokens are real ones: signed by the local issuer, or by somebody who would like to be it.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from backoffice_chassis import Permission, Role, Service
from backoffice_chassis.app import create_app
from backoffice_chassis.resources import open_resources
from backoffice_chassis.security.access import Reach, access_rules
from backoffice_chassis.security.keys import IssuerKeys
from backoffice_chassis.security.tokens import TokenVerifier
from backoffice_chassis.testing import OPEN_PATHS, FixedClock
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.testing import Migrated
from simulators.issuer.app import create_app as create_issuer
from simulators.issuer.keys import SigningKey
from simulators.issuer.settings import IssuerSettings

pytestmark = pytest.mark.integration

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "access.md"
ISSUER: Final = "http://issuer.test"
ENTITY: Final = "529900HNOAA1KXQJUQ27"
REACHED: Final = {Reach.FIRM: "", Reach.SCOPE: "own", Reach.SHARED: "all"}
BEGIN, END = "<!-- routes -->\n", "<!-- /routes -->"


@dataclass(frozen=True)
class Route:
    """One method of one path, and what its caller needs."""

    method: str
    path: str
    permission: Permission
    reach: Reach

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def request(self, client: httpx.AsyncClient, token: str | None) -> httpx.Request:
        path = self.path.replace("{", "").replace("}", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.build_request(self.method, path, headers=headers)


class Tokens:
    """Signs what a test likes, as the issuer or as somebody else."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        settings = IssuerSettings(
            state_dir=folder / "issuer", clients_file=folder / "none", url=ISSUER, http_port=1
        )
        self.transport = httpx.ASGITransport(create_issuer(settings, clock))
        self._key = SigningKey.kept_in(folder / "issuer")
        self._forger = SigningKey.kept_in(folder / "forger")
        self._now = clock.now().timestamp()

    def good(self, *roles: Role) -> str:
        return self._key.sign(self._claims(roles=list(roles)))

    def limited(self, *roles: Role) -> str:
        return self._key.sign(self._claims(roles=list(roles), entities=[ENTITY], books=["EQ-1"]))

    def bad(self) -> Iterator[tuple[str, str | None]]:
        every = list(Role)
        yield "no token", None
        yield "no JWT", "letmein"
        yield "expired", self._key.sign(self._claims(roles=every, exp=self._now - 31))
        yield "not valid yet", self._key.sign(self._claims(roles=every, nbf=self._now + 31))
        yield "another audience", self._key.sign(self._claims(roles=every, aud="payroll"))
        yield "another issuer", self._key.sign(self._claims(roles=every, iss="http://elsewhere.test"))
        yield "another key", self._forger.sign(self._claims(roles=every))
        yield "nobody", self._key.sign(self._claims(roles=every, sub=""))
        yield "limited to no books", self._key.sign(self._claims(roles=every, books=[]))
        yield "limited to what is no entity", self._key.sign(self._claims(roles=every, entities="all"))

    def _claims(self, **claims: Any) -> dict[str, Any]:
        return {"iss": ISSUER, "aud": "backoffice", "sub": "olivia", "exp": self._now + 600, **claims}


@asynccontextmanager
async def application(service: Service, tokens: Tokens) -> AsyncIterator[FastAPI]:
    """Return a service's application whose verifier asks the local issuer for its keys."""
    async with open_resources(service) as real, httpx.AsyncClient(transport=tokens.transport) as http:
        verifier = TokenVerifier(
            IssuerKeys(ISSUER, http),
            issuer_url=ISSUER,
            audience=service.settings.audience,
            leeway=timedelta(seconds=service.settings.clock_skew_seconds),
            whole_firm_by_role=False,
            clock=service.clock,
        )
        yield create_app(service, replace(real, verifier=verifier))


def routes_of(app: FastAPI) -> list[Route]:
    """Return every guarded route, in the order of paths."""
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.path not in OPEN_PATHS:
            (rule,) = set(access_rules(context.original_route.dependant))
            found += [
                Route(method, context.path or "", rule.permission, rule.reach)
                for method in context.methods or ()
            ]
    return sorted(found, key=lambda route: (route.path, route.method))


async def let_in(client: httpx.AsyncClient, route: Route, tokens: Mapping[Role, str]) -> frozenset[Role]:
    """Return the roles that a route does not turn away."""
    answers = {role: await client.send(route.request(client, token)) for role, token in tokens.items()}
    assert all(answer.status_code < 500 and answer.status_code != 401 for answer in answers.values()), route
    return frozenset(role for role, answer in answers.items() if answer.status_code != 403)


async def turned_away(client: httpx.AsyncClient, route: Route, tokens: Tokens) -> None:
    """See that a route answers 401 to whoever proves nothing, and 403 to whoever has no job here."""
    for what, token in tokens.bad():
        answer = await client.send(route.request(client, token))
        assert answer.status_code == 401, (str(route), what, answer.text)
        assert answer.headers["www-authenticate"].startswith("Bearer"), (str(route), what)
    answer = await client.send(route.request(client, tokens.good()))
    assert answer.status_code == 403, (str(route), "no role", answer.text)


async def reached(client: httpx.AsyncClient, route: Route, tokens: Tokens) -> Reach:
    """Return what a token that is limited to some books reaches by a route: refused it is, or as far as is declared."""
    answer = await client.send(route.request(client, tokens.limited(*route.permission.roles)))
    assert answer.status_code < 500, (str(route), answer.text)
    assert answer.status_code != 401, (str(route), answer.text)
    if answer.status_code != 403:
        return route.reach
    assert answer.json()["type"] == "/problems/firm-wide", (str(route), answer.text)
    return Reach.FIRM


def table(seen: Mapping[Route, frozenset[Role]], limited: Mapping[Route, Reach]) -> str:
    """Return what was seen as a table of routes by roles, and of what a limited token reached."""
    lines = [f"| route | permission | {' | '.join(Role)} | limited |", f"|---|---|{':-:|' * (len(Role) + 1)}"]
    for route, roles in seen.items():
        marks = " | ".join("●" if role in roles else "" for role in Role)
        lines.append(f"| `{route}` | {route.permission.name} | {marks} | {REACHED[limited[route]]} |")
    return "\n".join(lines)


async def test_every_route_lets_in_whom_its_permission_names_and_nobody_else(
    build: Callable[..., Service], migrated_database: Migrated, kafka: str, tmp_path: Path
) -> None:
    tokens = Tokens(tmp_path, FixedClock())
    by_role = {role: tokens.good(role) for role in Role}
    tables = []
    for entry in SERVICES:
        url = await migrated_database(entry.migrations)
        service = build(entry, database_url=url, issuer_url=ISSUER, kafka_bootstrap_servers=kafka)
        async with application(service, tokens) as app:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                seen, limited = {}, {}
                for route in routes_of(app):
                    await turned_away(client, route, tokens)
                    seen[route] = await let_in(client, route, by_role)
                    limited[route] = await reached(client, route, tokens)
        assert [str(route) for route, roles in seen.items() if roles != route.permission.roles] == []
        assert [str(route) for route, reach in limited.items() if reach is not route.reach] == []
        tables.append(f"## {entry.name}\n\n{table(seen, limited)}\n")
    agrees_with_the_page("\n" + "\n".join(tables) + "\n")


def agrees_with_the_page(tables: str) -> None:
    """Fail when the page says otherwise, and write it anew: what changed is for a person to read."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    written, after = rest.split(END)
    if written != tables:
        PAGE.write_text(f"{before}{BEGIN}{tables}{END}{after}")
    assert written == tables, (
        f"{PAGE.name} was out of date and has been written anew: read the change, commit it"
    )
