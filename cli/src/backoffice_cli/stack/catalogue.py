"""The processes of the platform, by name."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from backoffice_cli.stack.paths import repository_root


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service: its name in the repository and on the command line, and its Python package."""

    name: str

    @property
    def package(self) -> str:
        """Return the Python package, which is also the name of its database and run-time role."""
        return self.name.replace("-", "_")

    @property
    def module(self) -> str:
        """Return the module that runs it."""
        return f"{self.package}.main"

    @property
    def migrations(self) -> Path:
        """Return the folder of its database migrations."""
        return repository_root() / "services" / self.name / "migrations"

    @property
    def shares_event_keys(self) -> bool:
        """Say whether it encrypts the accounts in events, or opens them; nobody else is given the keys."""
        return self.name in ("trade-capture", "settlement")


SERVICES = tuple(map(ServiceEntry, ("trade-capture", "compliance", "settlement", "ledger", "hr")))
ISSUER_MODULE = "simulators.issuer"


def exists(module: str) -> bool:
    """Say whether a module can be run."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
