"""The local issuer's tokens are what the services' verifier takes, and nothing else is."""

import json
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from backoffice_chassis import Problem, Role, Scope
from backoffice_chassis.security.keys import IssuerKeys
from backoffice_chassis.security.tokens import TokenVerifier
from backoffice_chassis.testing import FixedClock
from simulators.issuer.app import create_app
from simulators.issuer.keys import SigningKey
from simulators.issuer.settings import IssuerSettings

pytestmark = pytest.mark.unit

URL = "http://issuer.test"
OURS, OTHER = "529900HNOAA1KXQJUQ27", "549300HBJLRO8YFMI370"
CLIENTS = {
    "desk": {"secret": "s3cret: ü", "subject": "olivia", "roles": ["operations", "unheard-of"]},
    "firm": {"secret": "s3cret: ü", "subject": "fay", "roles": ["operations", "whole-firm"]},
    "outsourced": {
        "secret": "s3cret: ü",
        "subject": "otto",
        "roles": ["operations"],
        "entities": [OURS],
        "books": ["B-1", "B 2"],
    },
}


class Issuer:
    """An issuer with one client, and a verifier that fetches its keys."""

    def __init__(
        self, folder: Path, audience: str = "backoffice", *, whole_firm_by_role: bool = False
    ) -> None:
        clients = folder / "clients.json"
        clients.write_text(json.dumps(CLIENTS))
        self.clock = FixedClock()
        self.settings = IssuerSettings(
            state_dir=folder / "state", clients_file=clients, url=URL, http_port=1, audience=audience
        )
        transport = httpx.ASGITransport(create_app(self.settings, self.clock))
        self.http = httpx.AsyncClient(transport=transport, base_url=URL)
        self.verifier = TokenVerifier(
            IssuerKeys(URL, self.http, self.seconds),
            issuer_url=URL,
            audience="backoffice",
            leeway=timedelta(seconds=30),
            whole_firm_by_role=whole_firm_by_role,
            clock=self.clock,
        )

    def seconds(self) -> float:
        return self.clock.now().timestamp()

    async def token(self, client: str = "desk", **limits: list[str]) -> str:
        answer = await self.asked(client, **limits)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def asked(self, client: str, **limits: list[str]) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": "s3cret: ü"}
        return await self.http.post("/token", data={**form, **limits})

    async def scope(self, client: str, **limits: list[str]) -> Scope:
        token = await self.token(client, **limits)
        return (await self.verifier.principal(f"Bearer {token}")).scope

    async def refusal(self, token: str) -> str:
        with pytest.raises(Problem) as refused:
            await self.verifier.principal(f"Bearer {token}")
        assert refused.value.status == 401
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
        return refused.value.detail


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    issuer = Issuer(tmp_path)
    async with issuer.http:
        yield issuer


async def test_a_token_proves_its_subject_and_the_roles_that_exist(issuer: Issuer) -> None:
    principal = await issuer.verifier.principal(f"Bearer {await issuer.token()}")
    assert (principal.subject, principal.roles) == ("olivia", frozenset({Role.OPERATIONS}))


async def test_a_token_is_limited_as_its_client_is_or_as_it_was_asked_for(issuer: Issuer) -> None:
    assert (await issuer.scope("desk")).whole_firm
    assert await issuer.scope("desk", books=["B-1", "B-9"]) == Scope(books=frozenset({"B-1", "B-9"}))
    assert await issuer.scope("outsourced") == Scope(frozenset({OURS}), frozenset({"B-1", "B 2"}))
    assert await issuer.scope("outsourced", books=["B 2"]) == Scope(frozenset({OURS}), frozenset({"B 2"}))


async def test_a_limited_client_gets_no_token_for_more(issuer: Issuer) -> None:
    for more in ({"books": ["B-1", "B-9"]}, {"entities": [OTHER]}):
        answer = await issuer.asked("outsourced", **more)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "limits",
    [
        {"books": []},
        {"books": None},
        {"books": "B-1"},
        {"books": ["B-1", 2]},
        {"books": [""]},
        {"books": ["nul\0"]},
        {"books": {"B-1": True}},
        {"entities": []},
        {"entities": ["no LEI"]},
        {"entities": [OURS, OURS.lower()]},
        {"entities": [OURS], "books": []},
    ],
)
async def test_a_limit_that_names_nothing_or_cannot_be_read_makes_the_token_worthless(
    issuer: Issuer, limits: dict[str, Any]
) -> None:
    claims = jwt.decode(await issuer.token(), options={"verify_signature": False})
    key = SigningKey.kept_in(issuer.settings.state_dir)
    assert "at least one, or be left out" in await issuer.refusal(key.sign({**claims, **limits}))


async def test_where_a_firm_wants_it_said_a_token_without_limits_needs_the_role_for_that(
    tmp_path: Path,
) -> None:
    issuer = Issuer(tmp_path, whole_firm_by_role=True)
    async with issuer.http:
        assert (await issuer.scope("firm")).whole_firm
        assert await issuer.scope("firm", books=["B-1"]) == Scope(books=frozenset({"B-1"}))
        assert await issuer.scope("outsourced") == Scope(frozenset({OURS}), frozenset({"B-1", "B 2"}))
        assert "neither `entities` nor `books`" in await issuer.refusal(await issuer.token("desk"))


@pytest.mark.parametrize("roles", ["whole-firm", None, {"whole-firm": True}, ["WHOLE-FIRM"]])
async def test_roles_that_cannot_be_read_are_not_for_the_whole_firm(tmp_path: Path, roles: Any) -> None:
    issuer = Issuer(tmp_path, whole_firm_by_role=True)
    async with issuer.http:
        claims = jwt.decode(await issuer.token("firm"), options={"verify_signature": False})
        key = SigningKey.kept_in(issuer.settings.state_dir)
        assert "neither `entities` nor `books`" in await issuer.refusal(key.sign({**claims, "roles": roles}))


async def test_credentials_may_come_by_http_basic(issuer: Issuer) -> None:
    form = {"grant_type": "client_credentials"}
    answer = await issuer.http.post("/token", data=form, auth=("desk", "s3cret%3A+%C3%BC"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (
            {"grant_type": "client_credentials", "client_id": "desk", "client_secret": "wrong"},
            "invalid_client",
        ),
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_without_the_right_secret_there_is_no_token(
    issuer: Issuer, form: dict[str, str], error: str
) -> None:
    answer = await issuer.http.post("/token", data=form)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


async def test_an_expired_token_is_refused_after_the_clock_skew(issuer: Issuer) -> None:
    token = await issuer.token()
    issuer.clock.advance(timedelta(seconds=issuer.settings.token_seconds + 29))
    await issuer.verifier.principal(f"Bearer {token}")
    issuer.clock.advance(timedelta(seconds=1))
    assert "expired" in await issuer.refusal(token)


async def test_a_token_from_the_future_is_refused(issuer: Issuer) -> None:
    issuer.clock.advance(timedelta(seconds=31))
    token = await issuer.token()
    issuer.clock.advance(timedelta(seconds=-31))
    assert "not valid yet" in await issuer.refusal(token)


@pytest.mark.parametrize("never", [math.nan, math.inf])
async def test_a_token_without_an_end_in_time_is_refused(issuer: Issuer, never: float) -> None:
    claims = jwt.decode(await issuer.token(), options={"verify_signature": False})
    key = SigningKey.kept_in(issuer.settings.state_dir)
    assert "not numbers" in await issuer.refusal(key.sign({**claims, "exp": never}))


async def test_a_token_for_another_audience_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Issuer(tmp_path / "other", audience="payroll")
    async with other.http:
        token = await other.token()
        issuer.verifier = TokenVerifier(
            IssuerKeys(URL, other.http),
            issuer_url=URL,
            audience="backoffice",
            leeway=timedelta(0),
            whole_firm_by_role=False,
            clock=issuer.clock,
        )
        assert "'backoffice'" in await issuer.refusal(token)


async def test_a_token_signed_by_a_key_that_is_not_the_issuers_is_refused(
    issuer: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "forger").mkdir()
    forger = Issuer(tmp_path / "forger")
    async with forger.http:
        assert "key that its issuer doesn't publish" in await issuer.refusal(await forger.token())


def forged(token: str, **header: Any) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    known = jwt.get_unverified_header(token)
    return jwt.encode(claims, "k" * 64, "HS256", headers={"kid": known["kid"], **header})


async def test_only_asymmetric_signatures_are_taken(issuer: Issuer) -> None:
    token = await issuer.token()
    unsigned = jwt.encode({"sub": "olivia"}, "", "none")
    assert "RS256, ES256" in await issuer.refusal(unsigned)
    assert "RS256, ES256" in await issuer.refusal(forged(token))
    head, body, _ = token.split(".")
    assert "signature" in await issuer.refusal(f"{head}.{body}.{'A' * 86}")


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 9000, "é.é.é", "....", ".."])
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    await issuer.refusal(token)


async def test_a_rotated_key_is_found_at_its_first_token(issuer: Issuer, tmp_path: Path) -> None:
    await issuer.verifier.principal(f"Bearer {await issuer.token()}")
    (issuer.settings.state_dir / "signing-key.pem").unlink()
    issuer.http._transport = httpx.ASGITransport(create_app(issuer.settings, issuer.clock))
    token = await issuer.token()
    assert "doesn't publish" in await issuer.refusal(token), (
        "looked again less than five seconds after the last time"
    )
    issuer.clock.advance(timedelta(seconds=6))
    await issuer.verifier.principal(f"Bearer {token}")


async def test_the_signing_key_stays_and_is_its_owners_alone(issuer: Issuer) -> None:
    key = issuer.settings.state_dir / "signing-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    before = (await issuer.http.get("/jwks.json")).json()
    again = httpx.ASGITransport(create_app(issuer.settings, issuer.clock))
    async with httpx.AsyncClient(transport=again, base_url=URL) as http:
        assert (await http.get("/jwks.json")).json() == before
    assert "d" not in before["keys"][0]


async def test_while_no_key_was_ever_read_the_answer_is_503(issuer: Issuer) -> None:
    token = await issuer.token()
    issuer.http._transport = httpx.MockTransport(lambda _: httpx.Response(502))
    with pytest.raises(Problem) as refused:
        await issuer.verifier.principal(f"Bearer {token}")
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"]


async def test_known_keys_go_on_serving_while_the_issuer_is_away(issuer: Issuer) -> None:
    await issuer.verifier.principal(f"Bearer {await issuer.token()}")
    issuer.clock.advance(timedelta(minutes=11))
    token = await issuer.token()
    issuer.http._transport = httpx.MockTransport(lambda _: httpx.Response(502))
    assert (await issuer.verifier.principal(f"Bearer {token}")).subject == "olivia"
