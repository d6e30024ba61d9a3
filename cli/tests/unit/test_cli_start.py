"""Every command starts without what only services need: half of its time went into importing their HTTP edge."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


def test_the_command_line_starts_without_the_http_edge_of_services() -> None:
    script = "import sys, backoffice_cli.main; print(*sys.modules, sep='\\n')"
    imported = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "backoffice_cli.commands.up" in imported
    assert not {"fastapi", "alembic", "uvicorn"}.intersection(imported)
