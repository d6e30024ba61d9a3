"""`python -m backoffice_events.asyncapi write|check services/*`: each service's asyncapi.yaml from what it declares."""

import argparse
import importlib
import importlib.metadata
import os
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

from backoffice_events.asyncapi.document import document
from backoffice_events.asyncapi.yaml import dump
from backoffice_events.schemas.generate import COMMITTED


class _Clock:
    """A clock for composition roots that are only looked at."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when all is well, 1 when a committed document is out of date."""
    parser = argparse.ArgumentParser(prog="python -m backoffice_events.asyncapi", description=__doc__)
    parser.add_argument("action", choices=["write", "check"])
    parser.add_argument("services", nargs="+", type=Path, help="folders of services, such as services/ledger")
    options = parser.parse_args(arguments)
    documents = {folder / "asyncapi.yaml": render(folder) for folder in options.services}
    if options.action == "write":
        for path, text in documents.items():
            path.write_text(text)
        return 0
    stale = [str(path) for path, text in documents.items() if not path.exists() or path.read_text() != text]
    if stale:
        hint = "run `python -m backoffice_events.asyncapi write services/*` and commit"
        print(f"Out of date: {', '.join(stale)}; {hint}", file=sys.stderr)
    return 1 if stale else 0


def render(folder: Path) -> str:
    """Return the document of the service in a folder, read off its composition root."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (root,) = (folder / "src").glob("*/main.py")
    service = _built(importlib.import_module(f"{root.parent.name}.main").build)
    text = dump(
        document(
            name=service.name,
            title=service.title,
            description=service.description,
            version=project["version"],
            consumers=service.consumers,
            schemas=Path(os.path.relpath(COMMITTED, folder)).as_posix(),
        )
    )
    return f"# Generated from the contracts and the service's declared consumers; do not edit.\n{text}"


def _built(build: Any) -> Any:
    """Build a service with its default settings: nothing is opened or started."""
    settings = get_type_hints(build)["settings"].model_construct()
    return build(settings, _Clock())


if __name__ == "__main__":
    sys.exit(main())
