"""One Keycloak for all, prepared as docs/operators.md says, and a service that is told of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS
from backoffice_cli.stack import children
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from backoffice_cli.stack.testing import Migrated
from keycloak_server import ROOT, Administrator, Keycloak

LIMITED, BOOKS = "finance-2", ["EQ-US-1"]
PATIENCE = 60


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Compose's secrets; one client is limited to a book, as the guide says."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    make = [sys.executable, str(ROOT / "deploy" / "make_secrets.py"), str(folder)]
    subprocess.run(make, check=True)
    clients = json.loads((folder / "issuer_clients").read_text())
    clients[LIMITED]["books"] = BOOKS
    (folder / "issuer_clients").chmod(0o644)
    (folder / "issuer_clients").write_text(json.dumps(clients))
    (folder / "keycloak_realm").unlink()
    subprocess.run(make, check=True)
    return folder


@pytest.fixture(scope="session")
def clients(secrets_folder: Path) -> dict[str, Any]:
    """Return the clients that programs sign in as."""
    return dict(json.loads((secrets_folder / "issuer_clients").read_text()))


@pytest.fixture(scope="session")
def keycloak(secrets_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Return a Keycloak that was started, stopped for its first administrator, and started again."""
    server = Keycloak.unpacked(tmp_path_factory.mktemp("keycloak"), secrets_folder / "keycloak_realm")
    try:
        server.start()
        server.stop()
        server.bootstrap_administrator("admin", "of-admin")
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def administrator(keycloak: Keycloak) -> Administrator:
    """Return Keycloak's administrator."""
    return Administrator(keycloak, "admin", "of-admin")


@pytest.fixture(scope="session")
async def database_url(migrated_database: Migrated) -> str:
    """Return trade-capture's database."""
    return await migrated_database(ROOT / "services" / "trade-capture" / "migrations")


@pytest.fixture(scope="session")
def api(keycloak: Keycloak, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of trade-capture's API: a process that has no other settings than an operator gives it."""
    [port] = draw_ports(1)
    settings = {
        "BACKOFFICE_DATABASE_URL": database_url,
        "BACKOFFICE_ISSUER_URL": keycloak.issuer,
        "BACKOFFICE_AUDIT_KEY": AUDIT_KEY.get_secret_value(),
        "BACKOFFICE_FIELD_KEYS": FIELD_KEYS.get_secret_value(),
        "BACKOFFICE_WHOLE_FIRM_BY_ROLE": "true",
        "BACKOFFICE_HTTP_PORT": str(port),
    }
    log = tmp_path_factory.mktemp("api") / "log"
    with log.open("wb") as output:
        command = (sys.executable, "-m", "trade_capture.main", "api")
        child = subprocess.Popen(command, env={**os.environ, **settings}, stdout=output, stderr=output)
    url = f"http://{LOOPBACK}:{port}"
    try:
        _until_alive(url, child, log)
        yield url
    finally:
        children.stop([(child, signal.SIGTERM)])


def _until_alive(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert child.poll() is None, children.tail(log)
        assert time.monotonic() < deadline, children.tail(log)
        try:
            httpx.get(f"{url}/livez", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
