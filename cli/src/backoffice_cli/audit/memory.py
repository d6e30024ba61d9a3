"""What an auditor remembers of each service's audit log: the head seen last, and the keys that it was signed with.

Somebody who holds the database can take it back to an earlier state, which is consistent in itself. Only who remembers
the later head can tell, so keep these files away from the servers.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backoffice_cli.stack.paths import write_whole


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one service. head: None before the first entry was sealed."""

    keys: tuple[str, ...] = ()
    head: Mapping[str, Any] | None = None


def recall(folder: Path, service: str) -> Seen:
    """Return what was seen of a service before."""
    try:
        found = json.loads((folder / f"{service}.json").read_text())
    except FileNotFoundError:
        return Seen()
    return Seen(tuple(found["keys"]), found["head"])


def remember(folder: Path, service: str, seen: Seen) -> None:
    """Keep what was seen of a service."""
    write_whole(folder / f"{service}.json", json.dumps(asdict(seen), indent=1))
