"""`python -m observability write`: bring what is generated up to date. `check`: say what is not, with exit code 1."""

import sys
from collections.abc import Iterator
from pathlib import Path

from observability import dashboards, page

ROOT = Path(__file__).parents[2]


def generated() -> Iterator[tuple[Path, str]]:
    """Yield every generated file and what it should hold."""
    yield ROOT / "docs/metrics.md", page.render()
    for dashboard in dashboards.DASHBOARDS:
        yield ROOT / f"deploy/grafana/dashboards/{dashboard.uid}.json", dashboards.render(dashboard)


def stale() -> list[Path]:
    """Return the files that are not as they should be."""
    return [path for path, text in generated() if not path.exists() or path.read_text() != text]


def main(command: str) -> int:
    """Write or check."""
    if command == "write":
        for path, text in generated():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return 0
    for path in stale():
        print(f"{path.relative_to(ROOT)} is out of date: make telemetry")
    return int(bool(stale()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
