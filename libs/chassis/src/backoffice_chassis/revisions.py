"""Which revisions of its schema a release knows, by the names of their files: `0007_accounts_encrypted.py` is 0007.

Alembic could say so as well. It would run each of the files for it, and lie in the memory of every process for this
alone: a service that runs migrates nothing.
"""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

_FOUND: Final = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True, slots=True)
class Revisions:
    """known: all that this release can bring a database to, each upon the one before. newest: the last of them."""

    known: frozenset[str]
    newest: str

    @classmethod
    def of(cls, migrations: Path) -> "Revisions":
        """Return those of a service. migrations: the folder with alembic's env.py."""
        known = frozenset(
            file.name.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*_*.py")
        )
        return cls(known, max(known))

    def runs_on(self, found: Set[str]) -> bool:
        """Tell whether the release runs on a schema: one at its newest revision, or moved on by a newer release."""
        return found == {self.newest} or (bool(found) and not found & self.known)


async def found_in(connection: AsyncConnection) -> Set[str]:
    """Return the revision that a database is at, as a set: empty when nothing has been migrated yet."""
    try:
        return set((await connection.execute(_FOUND)).scalars())
    except ProgrammingError:
        return set()
