"""Each command and each group of commands shows how it is called."""

from collections.abc import Iterator

import click
import pytest
import typer

from backoffice_cli.main import app

pytestmark = pytest.mark.unit


def every_command(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for word, part in getattr(command, "commands", {}).items():
        yield from every_command(part, f"{name} {word}")


COMMANDS = dict(every_command(typer.main.get_command(app), "backoffice"))


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_has_an_example(name: str) -> None:
    assert "Example: " in (COMMANDS[name].help or "")
