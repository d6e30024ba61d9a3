"""What every command shares: where to print, how to end."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType
from typing import Any

import httpx
import typer
from rich.console import Console

from backoffice_cli.stack.errors import StackError

console = Console()
progress = Console(stderr=True)


class Exit(IntEnum):
    """How a command ends. 2 is Typer's: wrong usage."""

    OK = 0
    FAILED = 1
    NOT_RUNNING = 3
    NOT_TOLD = 4


def print_json(value: Any) -> None:
    """Print data for a program: one JSON document, nothing else, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


@contextmanager
def failures(ending: Exit = Exit.FAILED) -> Iterator[None]:
    """Turn what cannot be done into a message and this exit code."""
    try:
        yield
    except StackError as error:
        _complain(error.what, error.remedy)
        raise typer.Exit(ending) from error
    except httpx.HTTPError as error:
        what = str(error) or type(error).__name__  # a time-out has no words of its own
        _complain(f"A service does not answer: {what}", "See: backoffice status, backoffice logs <name>")
        raise typer.Exit(ending) from error
    except OSError as error:
        if error.filename is None:
            raise
        # A file that was asked for and is not there says nothing of the state's folder.
        missing = isinstance(error, FileNotFoundError)
        remedy = "" if missing else "Name a folder that you can write to: --state, BACKOFFICE_STATE"
        _complain(f"{error.filename}: {error.strerror}", remedy)
        raise typer.Exit(ending) from error


def end_as_by_interrupt() -> None:
    """Let a request to terminate and a lost terminal end the command as Ctrl-C does, so that no stack stays behind."""
    for ended_by in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ended_by, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _complain(what: str, remedy: str) -> None:
    progress.print("✗", style="red", end=" ")
    progress.print(what, markup=False, highlight=False, soft_wrap=True)
    if remedy:
        progress.print(remedy, markup=False, highlight=False, soft_wrap=True)


def teller() -> Callable[[str], None]:
    """Return a function that shows each step of long work as it happens."""

    def tell(text: str) -> None:
        progress.print("[cyan]›[/cyan]", end=" ")
        progress.print(text, markup=False, highlight=False, soft_wrap=True)

    return tell
