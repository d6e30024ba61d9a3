"""The commands that documents name are there, with the options that they name; and each command shows an example."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from backoffice_cli.main import app

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
COMMAND = typer.main.get_command(app)
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INVOCATION = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?backoffice ((?:[^|;&)`\n\"']|\"[^\"\n]*\"|'[^'\n]*')+)")


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return each command that does something, with the words that lead to it."""
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for name in command.list_commands(context):
            _, one, _ = command.resolve_command(context, [name])
            yield from commands(one, *path, name)
    else:
        yield path, command


KNOWN = dict(commands(COMMAND))


def blocks(document: Path) -> list[str]:
    return FENCE.findall(document.read_text())


def invocations(text: str) -> Iterator[list[str]]:
    for written in INVOCATION.findall(text):
        yield shlex.split(written, comments=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_for_a_shell_is_read(document: Path) -> None:
    written = re.findall(r"^[ >]*```+ *(?:(?:ba|z)?sh|shell|console)\b", document.read_text(), re.MULTILINE)
    assert len(blocks(document)) == len(written)


def test_the_commands_in_a_block_are_read() -> None:
    shown = [words for block in blocks(ROOT / "README.md") for words in invocations(block)]
    assert ["up", "--simulators"] in shown
    assert ["down"] in shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_document_shows_exists_with_its_options(document: Path) -> None:
    for words in invocations("\n".join(blocks(document))):
        path = next((known for known in KNOWN if tuple(words[: len(known)]) == known), None)
        assert path is not None, f"no such command: backoffice {' '.join(words)}"
        options = {option for parameter in KNOWN[path].params for option in parameter.opts}
        options |= {option for parameter in KNOWN[path].params for option in parameter.secondary_opts}
        used = {word.partition("=")[0] for word in words[len(path) :] if re.match(r"--?[a-z]", word)}
        assert used <= options, f"backoffice {' '.join(words)}: no option {', '.join(used - options)}"


@pytest.mark.parametrize("path", KNOWN, ids=" ".join)
def test_the_help_of_every_command_shows_an_example_of_it(path: tuple[str, ...]) -> None:
    text = KNOWN[path].help or ""
    assert re.search(rf"Example: `[^`]*backoffice {' '.join(path)}\b", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_shows_is_for_bash_and_in_the_readme_for_any_posix_shell(document: Path) -> None:
    shell = "/bin/sh" if document == ROOT / "README.md" else "/bin/bash"
    for block in blocks(document):
        checked = subprocess.run([shell, "-n"], input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{checked.stderr}\n{block}"


def test_the_readme_writes_nothing_into_the_clone_that_git_would_track() -> None:
    for block in blocks(ROOT / "README.md"):
        for target in re.findall(r"(?<![\d&])>>? *([^\s&]+)", block):
            assert target.startswith(".backoffice/"), target
