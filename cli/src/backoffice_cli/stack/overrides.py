"""How a service of one stack is started otherwise than usual: a file that the supervisor reads at each start.

A stack without the file, which is every stack but those under test, starts its services as always.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backoffice_cli.stack.paths import write_whole


@dataclass(frozen=True, slots=True)
class Override:
    """What is different. launcher: a module that runs the service's own. command: all, api or worker.

    environment: variables on top of the service's own.
    """

    launcher: str | None = None
    command: str = "all"
    environment: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, module: str) -> tuple[str, ...]:
        """Return what comes after `python -m` to run a service's module."""
        return (*([self.launcher] if self.launcher else []), module, self.command)


def override(folder: Path, service: str, wanted: Override | None) -> None:
    """Start a service so from its next start on; None: as usual again."""
    found = _read(folder)
    found.pop(service, None)
    if wanted is not None:
        found[service] = wanted
    text = json.dumps({name: asdict(each) for name, each in found.items()}, indent=1)
    write_whole(_file(folder), text, 0o600)


def override_of(folder: Path, service: str) -> Override:
    """Return how a service is to be started."""
    return _read(folder).get(service, Override())


def _read(folder: Path) -> dict[str, Override]:
    try:
        found = json.loads(_file(folder).read_text())
    except FileNotFoundError:
        return {}
    return {name: Override(**each) for name, each in found.items()}


def _file(folder: Path) -> Path:
    return folder / "overrides.json"
