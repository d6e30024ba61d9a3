"""Keycloak as the issuer: docker-compose.yml's version, command, settings and realm; a service that takes its tokens.

Run by `make keycloak`, which fetches Keycloak.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backoffice_chassis import Principal, Role, Scope, Service, ServiceSettings
from backoffice_chassis.http.problems import Problem
from backoffice_chassis.resources import open_resources
from backoffice_chassis.security.tokens import TokenVerifier
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock
from keycloak_server import REALM, ROOT, Administrator, Keycloak, client_token, sign_in

pytestmark = pytest.mark.integration

BOOKS = ["EQ-US-1"]
OURS, SECOND = "529900T8BM49AURSDO55", "5493001KJTIIGC8Y1R12"
EVERYBODY = set(Role)
ROUTES = {
    "/reference/calendars": EVERYBODY,
    "/approvals": EVERYBODY - {Role.FRONT_OFFICE},
    "/repairs": {Role.FRONT_OFFICE, Role.OPERATIONS, Role.AUDITOR, Role.SRE},
    "/audit/entries": {Role.AUDITOR},
}
"""Who reads what in trade-capture; docs/access.md says the same."""

SSI = {
    "party": OURS,
    "place_of_settlement": "DTCYUS33XXX",
    "currency": "USD",
    "agent_bic": "IRVTUS3NXXX",
    "safekeeping_account": "S-1",
    "cash_account": "C-1",
    "effective_from": "2026-01-01",
}
SECONDS_OF_A_REFRESH = 30


def call(api: str, token: str, path: str, method: str = "GET", **content: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, f"{api}{path}", headers=headers, timeout=30, trust_env=False, **content)


def load(api: str, token: str, kind: str, *rows: dict[str, Any]) -> dict[str, Any]:
    answer = call(api, token, f"/reference/{kind}", "PUT", json={"rows": rows})
    assert answer.is_success, answer.text
    return dict(answer.json())


def claims_of(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def key_of(token: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"])


def until_accepted(api: str, token: str) -> None:
    """Call until a service has seen the key of a token: it looks for new ones every five seconds at most."""
    deadline = datetime.now(UTC) + timedelta(seconds=SECONDS_OF_A_REFRESH)
    while (answer := call(api, token, "/reference/calendars")).status_code == 401:
        assert datetime.now(UTC) < deadline, answer.text


@asynccontextmanager
async def judged(keycloak: Keycloak, clock: FixedClock) -> AsyncIterator[TokenVerifier]:
    """Yield what judges tokens in a service, by a clock that a test moves."""
    settings = ServiceSettings(
        database_url="postgresql://nobody@127.0.0.1:9/none",
        issuer_url=keycloak.issuer,
        whole_firm_by_role=True,
        audit_key=AUDIT_KEY,
        field_keys=FIELD_KEYS,
    )
    service = Service("judge", "Judge", "Judges tokens.", settings, [], Path(), clock=clock)
    async with open_resources(service) as resources:
        yield resources.verifier


@pytest.fixture(scope="session")
def operations(keycloak: Keycloak, clients: dict[str, Any]) -> str:
    return program(keycloak, clients, "operations-1")


def program(keycloak: Keycloak, clients: dict[str, Any], name: str) -> str:
    """Return the token of a client of Compose."""
    return str(client_token(keycloak.token_url, name, clients[name]["secret"]).json()["access_token"])


async def test_every_client_of_compose_is_who_the_local_issuer_says(
    keycloak: Keycloak, clients: dict[str, Any]
) -> None:
    async with judged(keycloak, FixedClock(datetime.now(UTC))) as verifier:
        for name, known in clients.items():
            found = await verifier.principal(f"Bearer {program(keycloak, clients, name)}")
            limits = Scope(books=frozenset(known["books"])) if "books" in known else Scope()
            roles = frozenset(map(Role, known["roles"]))
            assert found == Principal(known["subject"], roles, name, limits)


@pytest.mark.parametrize("role", Role)
def test_a_program_gets_the_answers_of_its_role(
    keycloak: Keycloak, api: str, clients: dict[str, Any], role: Role
) -> None:
    token = program(keycloak, clients, f"{role}-1")
    answers = {path: call(api, token, path).status_code for path in ROUTES}
    assert answers == {path: 200 if role in roles else 403 for path, roles in ROUTES.items()}


@pytest.mark.parametrize("role", Role)
def test_a_person_gets_the_answers_of_their_role(
    keycloak: Keycloak, administrator: Administrator, api: str, role: Role
) -> None:
    subject = administrator.add_person(f"person-{role}", role)
    token = sign_in(keycloak, f"person-{role}")["access_token"]
    assert claims_of(token)["sub"] == subject
    answers = {path: call(api, token, path).status_code for path in ROUTES}
    assert answers == {path: 200 if role in roles else 403 for path, roles in ROUTES.items()}


def test_a_person_without_a_role_may_nothing(
    keycloak: Keycloak, administrator: Administrator, api: str
) -> None:
    administrator.add_person("nobody")
    token = sign_in(keycloak, "nobody")["access_token"]
    assert {call(api, token, path).status_code for path in ROUTES} == {403}


def test_the_command_line_signs_in_by_the_description_of_the_platform(
    keycloak: Keycloak, api: str, secrets_folder: Path, tmp_path: Path
) -> None:
    describe = [
        sys.executable,
        str(ROOT / "deploy" / "describe_platform.py"),
        str(tmp_path),
        str(secrets_folder),
    ]
    subprocess.run(describe, env={**os.environ, "BACKOFFICE_TOKEN_URL": keycloak.token_url}, check=True)
    backoffice = [sys.executable, "-m", "backoffice_cli.main", "token", "--state", str(tmp_path)]
    given = subprocess.run([*backoffice, "--role", "sre"], capture_output=True, text=True, check=True)
    assert call(api, given.stdout.strip(), "/repairs").status_code == 200
    limited = [*backoffice, "--role", "operations", "--book", "EQ-US-1"]
    refused = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_limited_person_sees_their_books_alone(
    keycloak: Keycloak, administrator: Administrator, api: str, operations: str
) -> None:
    held = [("EQ-US-1", OURS), ("EQ-US-2", OURS), ("EQ-EU-1", SECOND)]
    rows = [{"book": book, "name": book, "entity_lei": lei, "measurement": "FVTPL"} for book, lei in held]
    assert load(api, operations, "books", *rows)["refused"] == []
    seen = {}
    for name, limits in {
        "bea": {"books": BOOKS},
        "ben": {"books": ["EQ-US-1", "EQ-EU-1"]},
        "eva": {"entities": [OURS]},
        "edo": {"entities": [OURS], "books": ["EQ-US-2", "EQ-EU-1"]},
    }.items():
        administrator.add_person(name, Role.OPERATIONS, **limits)
        token = sign_in(keycloak, name)["access_token"]
        seen[name] = {row["book"] for row in call(api, token, "/reference/books").json()["items"]}
        answer = call(api, token, "/reference/books", "PUT", json={"rows": rows})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/firm-wide")
    assert seen == {
        "bea": {"EQ-US-1"},
        "ben": {"EQ-US-1", "EQ-EU-1"},
        "eva": {"EQ-US-1", "EQ-US-2"},
        "edo": {"EQ-US-2"},
    }


def test_a_limited_client_sees_its_books_alone(
    keycloak: Keycloak, api: str, clients: dict[str, Any], operations: str
) -> None:
    [(limited, books)] = [(name, known["books"]) for name, known in clients.items() if "books" in known]
    row = {"entity_lei": OURS, "measurement": "FVTPL"}
    load(api, operations, "books", *({**row, "book": book, "name": book} for book in (*books, "EQ-US-9")))
    token = program(keycloak, clients, limited)
    assert [row["book"] for row in call(api, token, "/reference/books").json()["items"]] == books


def test_nobody_lifts_their_own_limits(keycloak: Keycloak, administrator: Administrator) -> None:
    subject = administrator.add_person("lena", Role.OPERATIONS, books=BOOKS)
    account = f"{keycloak.issuer}/account"
    console = sign_in(keycloak, "lena", client="account-console", redirect=f"{account}/")
    headers = {"Authorization": f"Bearer {console['access_token']}", "Accept": "application/json"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        profile = client.get(account).json()
        changed = {**profile, "firstName": "Lena", "attributes": {"books": ["EQ-US-2"], "entities": []}}
        client.post(account, json=changed)
        renamed = {**profile, "firstName": "Lena"}
        assert client.post(account, json=renamed).is_success
    kept = administrator.get(f"/users/{subject}")
    assert (kept["firstName"], kept["attributes"]) == ("Lena", {"books": BOOKS})
    assert claims_of(sign_in(keycloak, "lena")["access_token"])["books"] == BOOKS


def test_an_emptied_limit_opens_nothing(keycloak: Keycloak, administrator: Administrator, api: str) -> None:
    subject = administrator.add_person("emil", Role.OPERATIONS, books=BOOKS)
    limited = sign_in(keycloak, "emil")["access_token"]
    assert call(api, limited, "/reference/books").status_code == 200
    administrator.change(f"/users/{subject}", attributes={})
    emptied = sign_in(keycloak, "emil")["access_token"]
    assert "books" not in claims_of(emptied)
    answer = call(api, emptied, "/reference/books")
    assert (answer.status_code, "lack 'whole-firm'" in answer.json()["detail"]) == (401, True)


def test_what_is_no_entity_limits_nobody_by_mistake(administrator: Administrator) -> None:
    with pytest.raises(RuntimeError, match="names none of the entities"):
        administrator.add_person("lou", Role.OPERATIONS, entities=["all"])


def test_four_eyes_are_two_people_not_two_tokens(
    keycloak: Keycloak, administrator: Administrator, api: str
) -> None:
    people = administrator.client("people")
    known = {"publicClient", "redirectUris", "attributes", "defaultClientScopes", "optionalClientScopes"}
    mappers = [{**mapper, "id": None} for mapper in people["protocolMappers"]]
    another = {field: people[field] for field in known}
    administrator.add("/clients", {**another, "clientId": "another-application", "protocolMappers": mappers})
    administrator.add_person("maker", Role.OPERATIONS)
    administrator.add_person("checker", Role.OPERATIONS)
    made = sign_in(keycloak, "maker")["access_token"]
    elsewhere = sign_in(keycloak, "maker", client="another-application")["access_token"]
    assert {claims_of(token)["azp"] for token in (made, elsewhere)} == {"people", "another-application"}
    load(api, made, "settlement-instructions", SSI)
    load(api, made, "settlement-instructions", {**SSI, "cash_account": "C-2"})
    [waiting] = call(api, made, "/approvals?status=PROPOSED").json()["items"]
    approve = f"/approvals/{waiting['approval_id']}/approve"
    refused = call(api, elsewhere, approve, "POST", json={})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")
    approved = call(api, sign_in(keycloak, "checker")["access_token"], approve, "POST", json={})
    assert (approved.status_code, approved.json()["status"]) == (200, "APPROVED")


def test_a_token_for_somebody_else_is_refused(
    keycloak: Keycloak, administrator: Administrator, api: str
) -> None:
    administrator.add_person("paul", Role.OPERATIONS)
    tokens = sign_in(keycloak, "paul")
    account = sign_in(keycloak, "paul", client="account-console", redirect=f"{keycloak.issuer}/account/")
    payroll = {"clientId": "payroll", "secret": "s", "serviceAccountsEnabled": True, "publicClient": False}
    administrator.add("/clients", payroll)
    others = {
        "an ID token": tokens["id_token"],
        "of the account console": account["access_token"],
        "of a client without the audience": client_token(keycloak.token_url, "payroll", "s").json()[
            "access_token"
        ],
    }
    for what, token in others.items():
        answer = call(api, token, "/reference/calendars")
        assert (answer.status_code, "meant for somebody else" in answer.text) == (401, True), (
            what,
            answer.text,
        )
    refresh = call(api, tokens["refresh_token"], "/reference/calendars")
    assert (refresh.status_code, "must be signed with" in refresh.text) == (401, True)
    assert call(api, tokens["access_token"], "/reference/calendars").status_code == 200


def test_a_token_of_another_realm_is_refused(
    keycloak: Keycloak, administrator: Administrator, api: str, secrets_folder: Path
) -> None:
    realm = json.loads((secrets_folder / "keycloak_realm").read_text())
    administrator.call("POST", "", json={**realm, "realm": "elsewhere"})
    known = {each["clientId"]: each.get("secret") for each in realm["clients"]}
    token_url = keycloak.token_url.replace(f"/realms/{REALM}/", "/realms/elsewhere/")
    token = client_token(token_url, "operations-1", known["operations-1"]).json()["access_token"]
    assert claims_of(token)["aud"] == "backoffice"
    answer = call(api, token, "/reference/calendars")
    assert (answer.status_code, "its issuer doesn't publish" in answer.text) == (401, True), answer.text


async def test_a_token_ends_when_its_issuer_says(
    keycloak: Keycloak, administrator: Administrator, clients: dict[str, Any]
) -> None:
    client = administrator.client("auditor-2")
    short = {**client["attributes"], "access.token.lifespan": "60"}
    administrator.change(f"/clients/{client['id']}", attributes=short)
    token = program(keycloak, clients, "auditor-2")
    issued = datetime.fromtimestamp(claims_of(token)["iat"], UTC)
    clock = FixedClock(issued)
    async with judged(keycloak, clock) as verifier:
        clock.advance(timedelta(seconds=89))  # 60, and 30 that clocks may differ
        assert (await verifier.principal(f"Bearer {token}")).subject == "auditor-2"
        clock.advance(timedelta(seconds=1))
        with pytest.raises(Problem, match="has expired"):
            await verifier.principal(f"Bearer {token}")


def test_who_is_disabled_gets_no_more_tokens(
    keycloak: Keycloak, administrator: Administrator, clients: dict[str, Any]
) -> None:
    subject = administrator.add_person("dora", Role.OPERATIONS)
    tokens = sign_in(keycloak, "dora")
    renewal = {"grant_type": "refresh_token", "client_id": "people", "refresh_token": tokens["refresh_token"]}
    renewed = httpx.post(keycloak.token_url, data=renewal, timeout=60, trust_env=False)
    assert renewed.is_success
    administrator.change(f"/users/{subject}", enabled=False)
    renewal["refresh_token"] = renewed.json()["refresh_token"]
    assert httpx.post(keycloak.token_url, data=renewal, timeout=60, trust_env=False).status_code == 400
    with pytest.raises(PermissionError, match="disabled"):
        sign_in(keycloak, "dora")
    client = administrator.client("hr-2")
    administrator.change(f"/clients/{client['id']}", enabled=False)
    assert client_token(keycloak.token_url, "hr-2", clients["hr-2"]["secret"]).status_code == 401


async def test_keys_are_rotated_while_services_run(
    keycloak: Keycloak, administrator: Administrator, api: str, clients: dict[str, Any]
) -> None:
    old = program(keycloak, clients, "sre-1")
    until_accepted(api, old)
    clock = FixedClock(datetime.now(UTC))
    async with judged(keycloak, clock) as verifier:
        await verifier.principal(f"Bearer {old}")

        administrator.add_key("rsa-generated", "RS256", 200)
        new = program(keycloak, clients, "sre-1")
        assert key_of(new) != key_of(old)
        until_accepted(api, new)
        retired = administrator.signing_keys()[key_of(old)]
        administrator.change_key(retired, active="false")
        assert call(api, old, "/repairs").status_code == 200

        administrator.change_key(retired, enabled="false")
        assert (
            await verifier.principal(f"Bearer {old}")
        ).subject == "sre-1"  # it has the key for ten minutes
        clock.advance(timedelta(minutes=10, seconds=1))
        with pytest.raises(Problem, match="doesn't publish"):
            await verifier.principal(f"Bearer {old}")
        assert (await verifier.principal(f"Bearer {new}")).subject == "sre-1"

    administrator.add_key("ecdsa-generated", "ES256", 300)
    administrator.change("", defaultSignatureAlgorithm="ES256")
    newest = program(keycloak, clients, "sre-1")
    until_accepted(api, newest)  # which made it look at the keys again
    assert call(api, new, "/repairs").status_code == 200
    assert call(api, old, "/repairs").status_code == 401
