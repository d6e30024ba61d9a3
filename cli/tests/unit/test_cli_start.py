"""A command starts with what it needs itself: importing the whole platform took longer than most commands run."""

import os
import subprocess
import sys

import pytest

from backoffice_cli.main import COMMANDS, imported

pytestmark = pytest.mark.unit

CALL = """
import sys
from backoffice_cli.main import app

try:
    app(prog_name="backoffice")
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
COMPLETION = {"_BACKOFFICE_COMPLETE": "complete_bash", "COMP_WORDS": "backoffice ", "COMP_CWORD": "1"}
HEAVY = {"sqlalchemy", "aiokafka", "opentelemetry", "pydantic_settings", "cryptography"}


def called(*arguments: str, **env: str) -> tuple[str, set[str]]:
    """Return what a command printed, and the modules that were imported for it."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--help"], {}), ([], COMPLETION)], ids=["help", "completion"]
)
def test_commands_are_listed_without_importing_one(arguments: list[str], env: dict[str, str]) -> None:
    listed, modules = called(*arguments, **env)
    assert set(COMMANDS) <= set(listed.split())
    assert "backoffice_cli.main" in modules
    assert not [name for name in modules if name.startswith("backoffice_cli.commands")]
    assert not HEAVY & modules


@pytest.mark.parametrize(
    "name", ["status", "down", "logs", "token", "up", "day", "load", "trace", "approvals"]
)
def test_a_light_command_imports_neither_others_nor_what_services_are_made_of(name: str) -> None:
    shown, modules = called(name, "--help")
    assert f"backoffice {name}" in shown
    assert f"backoffice_cli.commands.{name}" in modules
    parts = {"chaos", "auditor", "bench", "audit", "commands.events"}
    assert not modules & (HEAVY | {f"backoffice_cli.{part}" for part in parts})


def test_no_command_imports_the_http_edge_of_services() -> None:
    script = "import sys; from backoffice_cli.main import *; [*map(imported, COMMANDS)]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert {f"backoffice_cli.commands.{name}" for name in COMMANDS} <= modules
    assert not {"fastapi", "alembic", "uvicorn"} & modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    assert imported(name).help.partition("\n\n")[0] == COMMANDS[name]
