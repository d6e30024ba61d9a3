"""Components that are to stay down when they end: the supervisor starts them again once they are let go."""

import json
from pathlib import Path

from backoffice_cli.stack.paths import write_whole


def hold(folder: Path, *names: str) -> None:
    """Leave these down from their next end on, and those that were held before."""
    _write(folder, held(folder) | set(names))


def let_go(folder: Path, *names: str) -> None:
    """Start these again where they are down."""
    _write(folder, held(folder) - set(names))


def held(folder: Path) -> set[str]:
    """Return the names of the components that are to stay down."""
    try:
        return set(json.loads(_file(folder).read_text()))
    except FileNotFoundError:
        return set()


def _write(folder: Path, names: set[str]) -> None:
    write_whole(_file(folder), json.dumps(sorted(names)))


def _file(folder: Path) -> Path:
    return folder / "holds.json"
