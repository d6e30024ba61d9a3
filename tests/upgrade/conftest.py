"""The previous release: its code from the history, its suite on today's schema, its processes beside today's."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARKER = Path(__file__).with_name("previous-release")


@dataclass(frozen=True)
class Release:
    """A release's code in a folder of its own."""

    folder: Path

    @property
    def path(self) -> str:
        """Return the PYTHONPATH on which its packages come before today's."""
        members = ("libs/*", "services/*", "simulators", "cli")
        return os.pathsep.join(str(each) for member in members for each in self.folder.glob(f"{member}/src"))

    def run_suite(self, service: str, services: Path, session: Path) -> subprocess.CompletedProcess[str]:
        """Run its integration tests of a service on databases that the migrations in another folder build."""
        session.mkdir(mode=0o711)
        for server in Path(os.environ["BACKOFFICE_TEST_SESSION"]).glob("*.json"):
            shutil.copy(server, session)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([self.path, str(Path(__file__).parent)]),
            "BACKOFFICE_TEST_SESSION": str(session),
            "TODAYS_SERVICES": str(services),
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "--tb=short",
            "-p",
            "todays_schema",
            "-m",
            "integration",
        ]
        return subprocess.run(
            [*command, f"services/{service}"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def previous_revision() -> str:
    """Return the revision that the marker names."""
    lines = MARKER.read_text().splitlines()
    (revision,) = [line for line in lines if not line.startswith("#")]
    return revision


def take_from_history(clone: Path, revision: str, folder: Path) -> Release:
    """Return the release of a revision, laid out in a folder. The test fails where the history does not go so far."""
    parts = ("libs", "services", "simulators", "cli", "conftest.py", "pyproject.toml", "data", "deploy")
    archive = folder.with_suffix(".tar")
    command = ["git", "-C", clone, "archive", "-o", archive, revision, *parts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"The history lacks the previous release, {revision}: {done.stderr.strip()}. "
            "A shallow clone gets it by `git fetch --unshallow`.",
            pytrace=False,
        )
    shutil.unpack_archive(archive, folder)
    archive.unlink()
    return Release(folder)


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Return the previous release."""
    folder = tmp_path_factory.mktemp("previous")
    yield take_from_history(ROOT, previous_revision(), folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def from_history() -> Callable[[Path, str, Path], Release]:
    """Return what takes a release from a clone's history."""
    return take_from_history
