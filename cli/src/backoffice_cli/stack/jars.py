"""The broker's jars: fetched once from the Maven repository, checked against the committed SHA-256 lock."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import truststore

from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import user_cache

LOCK_FILE = Path(__file__).with_name("kafka.lock")
DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: Maven coordinates and the digest the file must have. packaging: how its name ends."""

    group: str
    artifact: str
    version: str
    sha256: str
    packaging: str = "jar"

    @property
    def filename(self) -> str:
        """Return the file's name, as Maven calls it."""
        return f"{self.artifact}-{self.version}.{self.packaging}"


def read_lock(lock: Path = LOCK_FILE) -> list[Jar]:
    """Return the jars of a lock; of the broker's unless another is named."""
    return [Jar(*line.replace(" ", ":").split(":", 3)) for line in lock.read_text().splitlines()]


def are_here() -> bool:
    """Tell whether nothing is left to download."""
    return _complete(_folder()).exists()


def ensure_jars() -> list[Path]:
    """Return the broker's class path, in a fixed order; download what is not in the user's cache.

    Raises StackError when a jar cannot be fetched or is not the file that the lock names.
    """
    folder, jars = _folder(), read_lock()
    if not are_here():
        ensure(jars, folder)
        _complete(folder).touch()
    return sorted(folder / jar.filename for jar in jars)


def ensure(jars: list[Jar], folder: Path) -> None:
    """Download into a folder what is not there yet. Raises StackError as `ensure_jars` does."""
    with _exclusive(folder):
        _fetch_missing(jars, folder)


def _folder() -> Path:
    return user_cache() / f"kafka-{_digest(LOCK_FILE)[:16]}"


def _complete(folder: Path) -> Path:
    return folder / "complete"


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch_missing(jars: list[Jar], folder: Path) -> None:
    missing = [jar for jar in jars if not _is_right(folder / jar.filename, jar)]
    if not missing:
        return
    truststore.inject_into_ssl()
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        for number, jar in enumerate(pool.map(lambda jar: _fetch(jar, folder), missing), start=1):
            sys.stderr.write(f"  {number}/{len(missing)} {jar.filename}\n")
    shutil.rmtree(folder / "m2", ignore_errors=True)


def _fetch(jar: Jar, folder: Path) -> Jar:
    """Download one jar; a file with another digest is thrown away and fetched once more."""
    for _ in range(ATTEMPTS):
        downloaded = _download(jar, folder / "m2")
        if _is_right(downloaded, jar):
            part = folder / f"{jar.filename}.part"
            shutil.copyfile(downloaded, part)
            os.replace(part, folder / jar.filename)
            return jar
        downloaded.unlink(missing_ok=True)
    raise StackError(
        f"{jar.filename} does not have the SHA-256 that {LOCK_FILE.name} names, twice in a row.",
        "Something between this machine and the Maven repository changes files: try another network or mirror.",
    )


def _download(jar: Jar, repository: Path) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415  imports requests: only where something is missing

    context = MavenContext(repo_cache=repository, local_repos=[], timeout=60, remote_repos=_mirror())
    try:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        return Path(component.artifact(packaging=jar.packaging).resolve())
    except Exception as error:
        raise StackError(
            f"Could not download {jar.filename}: {error}",
            "The first installation needs a network that reaches Maven Central; "
            "BACKOFFICE_MAVEN_MIRROR=<repository URL> names another repository.",
        ) from error


def _mirror() -> dict[str, str] | None:
    mirror = os.environ.get("BACKOFFICE_MAVEN_MIRROR")
    return {"mirror": mirror} if mirror else None


def _is_right(path: Path, jar: Jar) -> bool:
    return path.exists() and _digest(path) == jar.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    try:
        ensure_jars()
    except StackError as error:
        sys.exit(str(error))
