"""The running platform as a command sees it: addresses, tokens, HTTP clients."""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from backoffice_cli.description import read_description
from backoffice_cli.stack import processes
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.plan import Plan, client_id, read_plan
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.stack.state import State, read_state, supervisor_pid
from backoffice_events.brokers import Brokers

RENEW_BEFORE = timedelta(seconds=60)
TIMEOUT_SECONDS = 60
NO_LIMITS: Mapping[str, list[str]] = MappingProxyType({})
OPERATOR, FRONT_OFFICE = "operator", "front-office"
"""Users of Kafka, by the names of deploy/kafka/access.yaml."""


@dataclass(frozen=True)
class Platform:
    """A platform that is up. The base class holds what commands need of any, wherever it runs.

    folder: for what commands keep. urls: by service. token_url: where the issuer gives tokens. secrets: of its clients,
    by id. brokers, front_office: Kafka as the operator and as a front-office application reach it. otlp_endpoint: where
    a front-office application sends its spans, if anybody takes them.
    """

    folder: Path
    urls: Mapping[str, str]
    token_url: str
    secrets: Mapping[str, str]
    brokers: Brokers
    front_office: Brokers
    otlp_endpoint: str | None

    @classmethod
    def running(cls, folder: Path) -> "Platform":
        """Return what a state folder describes, else its own stack. Raises StackError when that is not up."""
        found = read_description(folder)
        if found is None:
            return Stack.running(folder)
        operator, front_office = found.brokers(OPERATOR, folder), found.brokers(FRONT_OFFICE, folder)
        return cls(
            folder,
            found.services,
            found.token_url,
            found.clients,
            operator,
            front_office,
            found.otlp_endpoint,
        )

    @property
    def services(self) -> list[str]:
        """Return the services that run, by name."""
        return [service.name for service in SERVICES if service.name in self.urls]

    def url(self, name: str) -> str:
        """Return the base URL of a service, whether it runs or not. Raises StackError when there is no such."""
        if name not in self.urls:
            raise StackError(f"There is no service {name}.", f"There are: {', '.join(self.urls)}.")
        return self.urls[name]

    @property
    def traces_url(self) -> str | None:
        """Return where traces are given out, None where nobody keeps them for us."""
        return None

    def auth(self, role: str, person: int = 1) -> "ClientCredentials":
        """Return what makes an HTTP client speak as the first or second person of a role.

        Raises StackError when the platform knows no such client.
        """
        name = client_id(role, person)
        if name not in self.secrets:
            raise StackError(f"There is no client {name}.", f"There are: {', '.join(self.secrets)}.")
        return ClientCredentials(self.token_url, name, self.secrets[name])

    @contextmanager
    def client(self, service: str, role: str, person: int = 1) -> Iterator[httpx.Client]:
        """Return a client of one service, which speaks as a person of that role."""
        auth, limit = self.auth(role, person), httpx.Timeout(TIMEOUT_SECONDS)
        with httpx.Client(base_url=self.url(service), auth=auth, timeout=limit, trust_env=False) as client:
            yield client

    @asynccontextmanager
    async def async_client(
        self, service: str, role: str, person: int = 1
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Return an asynchronous client of one service, which speaks as a person of that role."""
        auth, limit = self.auth(role, person), httpx.Timeout(TIMEOUT_SECONDS)
        async with httpx.AsyncClient(
            base_url=self.url(service), auth=auth, timeout=limit, trust_env=False
        ) as client:
            yield client

    def token(
        self, role: str, person: int = 1, limits: Mapping[str, list[str]] = NO_LIMITS
    ) -> dict[str, Any]:
        """Fetch a token: `access_token`, `token_type`, `expires_in` (seconds).

        limits: `entities` and `books` that it is limited to. Raises StackError when the issuer gives one that is not.
        """
        auth = self.auth(role, person)
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                answer = auth.taken(client.send(auth.token_request(limits)))
        except httpx.HTTPError as error:
            raise StackError(f"The issuer does not answer: {error}", "See: backoffice logs issuer") from error
        if any(answer.get(name) != some for name, some in limits.items()):
            raise StackError(
                "The issuer gave a token that is not limited as asked.",
                "Only the local issuer limits tokens on request: elsewhere use a client that is limited.",
            )
        return answer


@dataclass(frozen=True)
class Stack(Platform):
    """The embedded stack of a folder."""

    state: State
    plan: Plan

    @classmethod
    def running(cls, folder: Path) -> "Stack":
        """Return the stack of a state folder. Raises StackError when it is not up."""
        state, plan = read_state(folder), read_plan(folder)
        if state is None or plan is None or supervisor_pid(folder) != state.supervisor_pid:
            raise StackError("The platform is not running.", "Start it: backoffice up")
        brokers = Brokers(state.bootstrap_servers)
        return cls(
            folder,
            urls={service.name: f"http://{LOOPBACK}:{plan.ports[service.name]}" for service in SERVICES},
            token_url=f"{state.issuer_url}/token",
            secrets={client.client_id: client.secret for client in plan.clients},
            brokers=brokers,
            front_office=brokers,
            otlp_endpoint=_traces_of(plan),
            state=state,
            plan=plan,
        )

    @property
    def bootstrap_servers(self) -> str:
        """Return where Kafka clients start from: nobody signs in here."""
        return self.state.bootstrap_servers

    @property
    def services(self) -> list[str]:
        """Return the services that the stack runs."""
        return [name for name in self.urls if name in self.state.components]

    @property
    def traces_url(self) -> str | None:
        """Return the stack's own store of traces, None where it has none."""
        return _traces_of(self.plan)


def _traces_of(plan: Plan) -> str | None:
    return processes.url(plan, processes.TRACES) if plan.topology.traces else None


class ClientCredentials(httpx.Auth):
    """Fetches a token when there is none and before it expires (RFC 6749 4.4)."""

    requires_response_body = True

    def __init__(self, token_url: str, client_id: str, secret: str) -> None:
        self._token_url = token_url
        self._credentials = {"client_id": client_id, "client_secret": secret}
        self._token = ""
        self._expires = datetime.min.replace(tzinfo=UTC)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on a request, after fetching one where needed."""
        if datetime.now(UTC) + RENEW_BEFORE > self._expires:
            self.taken((yield self.token_request()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def token_request(self, limits: Mapping[str, list[str]] = NO_LIMITS) -> httpx.Request:
        """Return the request that asks for a token. limits: entities and books that it is to be limited to."""
        form = {"grant_type": "client_credentials", **self._credentials, **limits}
        return httpx.Request("POST", self._token_url, data=form)

    def taken(self, response: httpx.Response) -> dict[str, Any]:
        """Keep the token of an answer and return the answer. Raises StackError when it holds none."""
        if response.status_code != httpx.codes.OK:
            raise StackError(
                f"The issuer gave no token: {response.text}",
                "Restart the platform: it may be of another start.",
            )
        answer: dict[str, Any] = response.json()
        self._token = answer["access_token"]
        self._expires = datetime.now(UTC) + timedelta(seconds=answer["expires_in"])
        return answer


def body_of(response: httpx.Response) -> Any:
    """Return a successful answer's document. Raises StackError with what a problem document says."""
    if response.is_success:
        return response.json() if response.content else None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    fields = (f"{one['field']}: {one['reason']}" for one in problem.get("errors", ()))
    detail = problem.get("detail", response.text[:500])
    raise StackError(f"{response.status_code} {problem.get('title', '')}: {detail}", "\n".join(fields))


def every_page(client: httpx.Client, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
    """Return each item of a list, page after page."""
    cursor: str | None = None
    while True:
        params = {"limit": 1000, **filters, **({"cursor": cursor} if cursor else {})}
        page = body_of(client.get(path, params=params))
        yield from page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return
