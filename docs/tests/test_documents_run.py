"""What the guides show is run, word for word, against a platform that has traded. `make documents`, some minutes."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice_cli.stack.control import bring_down

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEMO = ".venv/bin/backoffice demo --trades 1000 --keep\n"
PROBLEM = '"type": "/problems/'
REFUSED = "# refused"


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """Return the state folder of a firm that has traded, as the guides' first command leaves it."""
    folder = Path(tempfile.mkdtemp(prefix="backoffice-documents-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    try:
        assert run(DEMO, folder / "state").returncode == 0
        yield folder / "state"
    finally:
        bring_down(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)


def run(script: str, state: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script in the clone, where a reader would, with another state folder than the reader's."""
    command = ["bash", "-e", "-o", "pipefail"]
    environment = {**os.environ, "BACKOFFICE_STATE": str(state)}
    return subprocess.run(
        command, input=script, text=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment, check=False
    )


def script(document: Path) -> str:
    """Return every block of a document, in its order; the demo has been run."""
    blocks = BLOCK.findall(document.read_text())
    assert ("sh", DEMO) in blocks
    return "\n".join(
        f".venv/bin/python - <<'PYTHON'\n{block}PYTHON\n" if kind == "python" else block
        for kind, block in blocks
        if block != DEMO
    )


@pytest.mark.parametrize("name", ["internal-teams.md", "front-office.md"])
def test_every_command_of_a_guide_does_what_the_guide_says(name: str, state: Path) -> None:
    written = script(ROOT / "docs" / name)
    done = run(written, state)
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.count(PROBLEM) == written.count(REFUSED), done.stdout
