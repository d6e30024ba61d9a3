"""An issuer on https has to prove itself to a service; SSL_CERT_FILE names authorities that a firm runs itself."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trustme
import uvicorn

from backoffice_chassis import Service, ServiceSettings, SystemClock
from backoffice_chassis.http.problems import Problem
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS
from simulators.issuer.app import create_app
from simulators.issuer.settings import IssuerSettings

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
CLIENTS = {"sre-1": {"secret": "of-sre-1", "subject": "sre-1", "roles": ["sre"]}}


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@contextlib.asynccontextmanager
async def issuer(folder: Path, authority: trustme.CA) -> AsyncIterator[str]:
    """Run the issuer on https and yield its URL."""
    pem = folder / "issuer.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(pem)
    (folder / "clients.json").write_text(json.dumps(CLIENTS))
    listening = socket.create_server((HOST, 0))
    port = listening.getsockname()[1]
    url = f"https://{HOST}:{port}"
    settings = IssuerSettings(
        state_dir=folder / "issuer", clients_file=folder / "clients.json", url=url, http_port=port
    )
    config = uvicorn.Config(
        create_app(settings, SystemClock()), ssl_certfile=pem, ssl_keyfile=pem, log_level="warning"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield url
    finally:
        server.should_exit = True
        await serving


async def authorization(url: str, authority: trustme.CA) -> str:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    form = {"grant_type": "client_credentials", "client_id": "sre-1", "client_secret": "of-sre-1"}
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.post(f"{url}/token", data=form)
    return f"Bearer {answer.raise_for_status().json()['access_token']}"


def service(url: str, folder: Path) -> Service:
    settings = ServiceSettings(
        database_url="postgresql://nobody@127.0.0.1:9/none",
        issuer_url=url,
        audit_key=AUDIT_KEY,
        field_keys=FIELD_KEYS,
    )
    return Service("tls", "TLS", "Judges tokens.", settings, [], folder, clock=SystemClock())


async def test_tokens_of_an_issuer_whose_authority_is_known_are_taken(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with issuer(tmp_path, authority) as url, open_resources(service(url, tmp_path)) as resources:
        found = await resources.verifier.principal(await authorization(url, authority))
    assert found.subject == "sre-1"


async def test_an_issuer_that_does_not_prove_itself_is_not_asked_for_its_keys(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    async with issuer(tmp_path, authority) as url, open_resources(service(url, tmp_path)) as resources:
        with pytest.raises(Problem, match="can't be reached"):
            await resources.verifier.principal(await authorization(url, authority))
