"""Each command and each group of commands shows how it is called."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from backoffice_cli.main import app

pytestmark = pytest.mark.unit


def every_command(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for word in command.list_commands(context):
            _, part, _ = command.resolve_command(context, [word])
            yield from every_command(part, f"{name} {word}")


COMMANDS = dict(every_command(typer.main.get_command(app), "backoffice"))


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_has_an_example(name: str) -> None:
    assert "Example: " in (COMMANDS[name].help or "")


def test_a_misspelt_command_is_told_the_one_that_was_meant() -> None:
    result = CliRunner().invoke(app, ["statu"])
    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output
