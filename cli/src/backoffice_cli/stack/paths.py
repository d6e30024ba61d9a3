"""Where things lie: the clone, its state folder, the user's cache."""

import os
import tempfile
from pathlib import Path


def repository_root() -> Path:
    """Return the clone's root: the folder that holds libs/ and services/."""
    return Path(__file__).resolve().parents[4]


def default_state() -> Path:
    """Return the folder that the stack keeps its state in."""
    return Path(os.environ.get("BACKOFFICE_STATE", repository_root() / ".backoffice"))


def description_of(folder: Path) -> Path:
    """Return the file that, in a state folder, describes a platform that is not an embedded stack."""
    return folder / "platform.json"


def user_cache() -> Path:
    """Return a cache folder that this user can write, shared by clones where that is possible."""
    for parent in _cache_parents():
        folder = parent / "backoffice"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return default_state() / "cache"


def _cache_parents() -> list[Path]:
    named = [Path(os.environ[name]) for name in ("XDG_CACHE_HOME",) if os.environ.get(name)]
    try:
        return [*named, Path.home() / ".cache"]
    except RuntimeError:
        return named


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file in one step: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
        Path(part).chmod(mode)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink()
        raise
