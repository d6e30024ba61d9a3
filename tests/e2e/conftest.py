"""A whole platform of its own: broker, database, issuer, five services, counterparties and CSD."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice_cli.demo.run import prepare_firm, prepare_stack
from backoffice_cli.platform import Stack
from backoffice_cli.stack.control import bring_down


@pytest.fixture(scope="session")
def platform() -> Iterator[Stack]:
    """Return a running platform with a firm on it: reference data, lists, rules, people, an open day."""
    folder = Path(tempfile.mkdtemp(prefix="backoffice-e2e-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    try:
        running = prepare_stack(folder / "state", print)
        prepare_firm(running, "1", print)
        yield running
    finally:
        bring_down(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)
