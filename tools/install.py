"""Set up the clone: virtual environment, pinned packages, our own members, the broker's jars.

Uses the standard library alone. Safe to run twice at once (a lock) and after a kill (the stamp is written last).
"""

import contextlib
import fcntl
import hashlib
import locale
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
STATE = ROOT / ".backoffice"
BOOTSTRAP = ROOT / "tools" / "bootstrap.lock"
LOCK = ROOT / "requirements.lock"
JAR_LOCK = ROOT / "cli/src/backoffice_cli/stack/kafka.lock"
NEEDED_BYTES = 1_500_000_000


def members() -> list[Path]:
    """Return the folders of the workspace's members, in the order they are installed."""
    patterns = ("libs/*", "services/*", "simulators", "cli")
    found = (folder for pattern in patterns for folder in sorted(ROOT.glob(pattern)))
    return [folder for folder in found if (folder / "pyproject.toml").exists()]


def fingerprint() -> str:
    """Return what the installation depends on: the interpreter, the place, every lock and every member."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for path in (Path(__file__), BOOTSTRAP, LOCK, JAR_LOCK, *(m / "pyproject.toml" for m in members())):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installed() -> bool:
    """Say whether the last finished installation is still the right one."""
    return STAMP.exists() and STAMP.read_text() == fingerprint() and PYTHON.exists()


def say(text: str) -> None:
    """Tell the person at the terminal what happens now."""
    print(f"› {text}", flush=True)


def fail(text: str) -> None:
    """Stop with a message that says what to do."""
    sys.exit(f"✗ {text}")


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let one installation run at a time in this clone; the kernel frees the lock whoever dies."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "install.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another installation is running in this clone: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(what: str, *command: str | Path) -> None:
    """Run one step and stop with its name when it fails."""
    say(what)
    if subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(), check=False).returncode:
        fail(f"{what}: failed, see above. A network that reaches the package index is needed the first time.")


def environment() -> dict[str, str]:
    """Return our environment, with the machine's pip index and a writable cache handed on to uv.

    Bytecode is made here, once: else the services make it all at the same time when they first start, and at each start
    where PYTHONDONTWRITEBYTECODE is set, which more than doubles what a start takes.
    """
    env = {**os.environ, "VIRTUAL_ENV": str(VENV), "UV_NO_PROGRESS": "1", "UV_SYSTEM_CERTS": "1"}
    env["UV_COMPILE_BYTECODE"] = "1"
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONPATH", None)
    if "UV_DEFAULT_INDEX" not in env and "UV_INDEX_URL" not in env and (index := pip_index()):
        env["UV_DEFAULT_INDEX"] = index
    if "UV_CACHE_DIR" not in env and not home_is_writable():
        env["UV_CACHE_DIR"] = str(STATE / "cache" / "uv")
    return env


def pip_index() -> str:
    """Return the package index that pip is set to use, empty when it is the default one."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return os.environ.get("PIP_INDEX_URL", result.stdout.strip())


def home_is_writable() -> bool:
    """Say whether the user has a home folder that a cache can live in."""
    with contextlib.suppress(OSError, RuntimeError):
        return os.access(Path.home(), os.W_OK)
    return False


def check_ours() -> None:
    """Stop early when somebody else's clone, or what somebody else installed in it, is in the way."""
    for place in (ROOT, STATE, STATE / "install.lock", VENV):
        if place.exists() and not os.access(place, os.W_OK):
            fail(f"{place} is not writable for this user: clone the repository to a folder of your own.")


def check_locale() -> None:
    """Stop early when the locale cannot say the folder's name: Python and Java find nothing in it then."""
    try:
        str(ROOT).encode(locale.getencoding())
    except UnicodeEncodeError:
        fail(f"The name of {ROOT} needs a UTF-8 locale: export LC_ALL=C.UTF-8")


def check_name() -> None:
    """Stop early when a shell would read the folder's name otherwise: initdb hands its own to one in double quotes."""
    if found := next((character for character in str(ROOT) if character in '$`"\\\n'), None):
        name = {"\n": "a line break"}.get(found, found)
        fail(
            f"The path of {ROOT} holds {name}, with which PostgreSQL cannot be started: rename the folder that has it "
            "in its name, or move the clone to another."
        )


def check_machine() -> None:
    """Stop early, with a clear word, when something is missing."""
    try:
        import ensurepip  # noqa: F401, PLC0415  Debian splits it off: the import is the test
        import venv  # noqa: F401, PLC0415
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        fail(f"Python's venv module is missing. Debian/Ubuntu: apt install python{version}-venv")
    if (free := shutil.disk_usage(ROOT).free) < NEEDED_BYTES:
        fail(
            f"{free // 1_000_000} MB are free on the disk of {ROOT}; {NEEDED_BYTES // 1_000_000} MB are needed."
        )


def create_environment() -> None:
    """Make the virtual environment, from scratch unless the one there runs on the same interpreter."""
    version = "import sys; print(sys.version)"
    with contextlib.suppress(OSError):
        seen = subprocess.run([PYTHON, "-c", version], capture_output=True, text=True, check=False)
        if seen.stdout.strip() == sys.version.strip() and (VENV / "bin" / "pip").exists():
            return
    run("creating the virtual environment .venv", sys.executable, "-m", "venv", "--clear", VENV)


def install() -> None:
    """Run every step; the stamp comes last, so that a killed run is done again."""
    check_machine()
    STAMP.unlink(missing_ok=True)
    create_environment()
    uv = VENV / "bin" / "uv"
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run("fetching the installer (uv, pinned by hash)", *pip, "--require-hashes", "-r", BOOTSTRAP)
    run("installing the pinned packages", uv, "pip", "sync", "--quiet", "--require-hashes", LOCK)
    editable = [part for member in members() for part in ("-e", str(member))]
    offline = ("--quiet", "--offline", "--no-deps", "--no-build-isolation")
    run("linking the platform's own packages", uv, "pip", "install", *offline, *editable)
    run("compiling them to bytecode", PYTHON, "-m", "compileall", "-q", *(str(m / "src") for m in members()))
    run("fetching Apache Kafka (pinned by hash)", PYTHON, "-m", "backoffice_cli.stack.jars")
    write_stamp()
    say("installed: .venv/bin/backoffice --help")


def write_stamp() -> None:
    """Record what was installed, in one step."""
    with tempfile.NamedTemporaryFile("w", dir=VENV, delete=False) as part:
        part.write(fingerprint())
    Path(part.name).replace(STAMP)


def main() -> None:
    """Install what is not yet installed."""
    check_ours()
    check_locale()
    check_name()
    with lock():
        if not installed():
            install()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("Interrupted: what is installed so far stays, and the next run does the rest.")
