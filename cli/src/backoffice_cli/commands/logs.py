"""`backoffice logs`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from backoffice_cli.commands.options import StateFolder
from backoffice_cli.console import failures
from backoffice_cli.stack.errors import StackError

FIRST = ("timestamp", "level", "event", "trace_id", "event_id", "key")


def logs(
    state: StateFolder,
    name: Annotated[str, typer.Argument(help="Component, as `backoffice status` names it.")] = "supervisor",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they were written.")] = False,
) -> None:
    """Show a component's log: readable on a terminal, as written with --json.

    Exit code 1 when there is no such log.

    Example: `backoffice logs ledger -n 20 -f`
    """
    with failures(), _open(state.resolve() / "logs", name) as handle:
        for line in _last(handle, lines):
            typer.echo(line if as_json else readable(line))
        for line in _rest(handle) if follow else ():
            typer.echo(line if as_json else readable(line))


def _open(folder: Path, name: str) -> IO[str]:
    known = sorted(path.stem for path in folder.glob("*.log"))
    if name not in known:
        there = f"There are: {', '.join(known)}" if known else "Nothing was started here yet: backoffice up"
        raise StackError(f"There is no log of {name}.", there)
    return (folder / f"{name}.log").open(errors="replace")


def _last(handle: IO[str], lines: int) -> list[str]:
    found = handle.read().splitlines()
    return found[-lines:] if lines else []


def _rest(handle: IO[str]) -> Iterator[str]:
    while True:
        line = handle.readline()
        if line:
            yield line.rstrip("\n")
        else:
            time.sleep(0.2)


def readable(line: str) -> str:
    """Return a structured log line in words; any other line as it is."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    head = " ".join(str(record[name]) for name in FIRST[:3] if name in record)
    rest = [*FIRST[3:], *sorted(set(record) - set(FIRST))]
    return " ".join([head, *(f"{name}={record[name]}" for name in rest if name in record)])
