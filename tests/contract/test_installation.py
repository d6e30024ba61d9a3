"""What the set-up leaves, and what it says when it cannot go on: what is missing, not a traceback."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TOOLS = ("install", "install.py", "interpreters.py", "interpreter_speed.py", "bootstrap.lock")
WITHOUT_VENV = (
    "import runpy, sys; sys.modules['venv'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
)
FULL_DISK = (
    "import runpy, shutil, sys, collections; "
    "shutil.disk_usage = lambda _: collections.namedtuple('Usage', 'free')(300_000_000); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)
INTERRUPTED = (  # who runs the tests in the background may have left the signal ignored
    "import os, runpy, signal, subprocess, sys; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "subprocess.run = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)
READ_ONLY = (  # root may write everywhere: the answer of the system is what matters here
    "import os, runpy, sys; os.access = lambda *_: False; runpy.run_path(sys.argv[1], run_name='__main__')"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone as far as the set-up looks before it fetches anything."""
    clone = tmp_path / "a clone ü"
    (clone / "tools").mkdir(parents=True)
    for name in TOOLS:
        shutil.copy(ROOT / "tools" / name, clone / "tools" / name)
    for name in ("requirements.lock", "cli/src/backoffice_cli/stack/kafka.lock"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    return clone


def run(*command: str | Path, **environment: str) -> str:
    """Run a command that must fail, and return what it says."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_python_without_venv_is_told_which_package_to_install(clone: Path) -> None:
    said = run(sys.executable, "-c", WITHOUT_VENV, clone / "tools" / "install.py")
    assert "Python's venv module is missing" in said
    assert "apt install python3" in said


def test_a_full_disk_is_told_how_much_is_needed(clone: Path) -> None:
    said = run(sys.executable, "-c", FULL_DISK, clone / "tools" / "install.py")
    assert "300 MB are free" in said
    assert "1500 MB are needed" in said


def test_a_python_that_was_named_is_taken_or_refused_and_never_replaced_by_another(clone: Path) -> None:
    said = run(clone / "tools" / "install", PATH="/usr/bin:/bin", PYTHON="/bin/false")
    assert "Python 3.11 or newer is needed; none of these is one: /bin/false" in said


def test_a_python_that_was_named_and_is_not_there_is_said_not_to_be_there(clone: Path) -> None:
    said = run(clone / "tools" / "install", PATH="/usr/bin:/bin", PYTHON="/nonexistent/python3")
    assert "is not there, or cannot be run: /nonexistent/python3" in said
    assert "leave PYTHON out" in said
    assert "apt" not in said


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        ({"python3": "900", "python3.12": "600"}, "python3.12"),
        ({"python3": "900", "python3.12": "850"}, "python3"),
        ({"python3": "", "python3.12": "5000"}, "python3.12"),
        ({"python3": "", "python3.12": "no Python"}, None),
    ],
    ids=["clearly faster", "hardly faster", "the only one that will do", "none will do"],
)
def test_the_first_python_on_the_path_is_taken_unless_another_is_clearly_faster(
    tmp_path: Path, microseconds: dict[str, str], expected: str | None
) -> None:
    for name, taken in microseconds.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{taken}'\n")
        (tmp_path / name).chmod(0o755)
    command = [sys.executable, ROOT / "tools" / "interpreters.py"]
    chosen = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert chosen.stdout.strip() == str(tmp_path / expected if expected else sys.executable)


def test_an_interpreter_says_how_fast_it_is() -> None:
    command = [sys.executable, ROOT / "tools" / "interpreter_speed.py"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(said.stdout) > 0


def test_what_belongs_to_somebody_else_is_named(clone: Path) -> None:
    said = run(sys.executable, "-c", READ_ONLY, clone / "tools" / "install.py")
    assert "is not writable for this user" in said


def test_an_interrupted_set_up_says_what_is_left_to_do(clone: Path) -> None:
    said = run(sys.executable, "-c", INTERRUPTED, clone / "tools" / "install.py")
    assert said.endswith("✗ Interrupted: what is installed so far stays, and the next run does the rest.\n")


@pytest.mark.parametrize(
    ("character", "name"),
    [("$", "$"), ("`", "`"), ('"', '"'), ("\\", "\\"), ("\n", "a line break")],
    ids=["dollar", "backtick", "quote", "backslash", "line break"],
)
def test_a_folder_whose_name_a_shell_would_change_is_refused_before_anything_is_fetched(
    clone: Path, character: str, name: str
) -> None:
    folder = clone.rename(clone.with_name(f"b's {character}clone"))
    said = run(sys.executable, folder / "tools" / "install.py", LC_ALL="C.UTF-8")
    assert f"holds {name}, with which PostgreSQL cannot be started: rename the folder" in said
    assert not (folder / ".venv").exists()


def test_a_locale_that_cannot_say_the_folders_name_is_told_which_can(clone: Path) -> None:
    said = run(sys.executable, clone / "tools" / "install.py", LC_ALL="C")
    assert "needs a UTF-8 locale: export LC_ALL=C.UTF-8" in said


@pytest.mark.parametrize("module", ["sqlalchemy.dialects.mssql.pymssql", "settlement.main"])
def test_what_is_installed_is_compiled_also_what_nothing_imported_yet(module: str) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.cached is not None
    assert Path(spec.cached).exists()
