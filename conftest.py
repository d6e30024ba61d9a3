"""Fixtures that every test may use: a real PostgreSQL and a real Kafka, one of each per session."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

import simulators  # noqa: F401  before pytest takes the folder of that name for the package
from backoffice_cli.stack.testing import Migrated, PostgresServer, shared_server

SESSION = "BACKOFFICE_TEST_SESSION"
OWNER = "BACKOFFICE_OWNER_PID"  # a stack that a test starts ends with the session, however that ends


KINDS = ("unit", "integration", "e2e", "upgrade")

# On a machine that is busy an example may take any time, and so may drawing it: neither is a failure.
settings.register_profile(
    "any-time", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that no kind selects: `make test` would never run it."""
    lost = [item.nodeid for item in items if not any(item.get_closest_marker(kind) for kind in KINDS)]
    if lost:
        raise pytest.UsageError(f"Mark these as one of {', '.join(KINDS)}: {', '.join(lost[:5])}")


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder and the process that all workers of this session share."""
    if SESSION not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="backoffice-test-"))
        folder.chmod(0o711)
        os.environ[SESSION] = str(folder)
        os.environ[OWNER] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's servers and remove their data."""
    if os.environ.get(OWNER) != str(os.getpid()):
        return
    folder = Path(os.environ.pop(SESSION))
    os.environ.pop(OWNER)
    for answer in folder.glob("*.json"):
        with contextlib.suppress(psutil.Error):
            holder = psutil.Process(int(json.loads(answer.read_text())["pid"]))
            holder.send_signal(signal.SIGTERM)
            holder.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


def _shared(what: str) -> dict[str, str]:
    return shared_server(what, Path(os.environ[SESSION]), int(os.environ[OWNER]))


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """Return the session's PostgreSQL 18."""
    return PostgresServer(int(_shared("postgres")["port"]))


@pytest.fixture(scope="session")
def kafka() -> str:
    """Return the bootstrap servers of the session's Kafka broker."""
    return _shared("kafka")["bootstrap_servers"]


@pytest.fixture(scope="session")
def migrated_database(postgres: PostgresServer) -> Migrated:
    """Return an async factory: path of a service's migrations -> URL of a fresh database they built."""
    return Migrated(postgres, Path(os.environ[SESSION]))
