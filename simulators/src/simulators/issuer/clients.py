"""Who may fetch a token, for whom, and for how much of the firm."""

import hmac
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, TypeAdapter


class Client(BaseModel):
    """One caller. subject: the person or system that its tokens speak for. roles: the jobs they hold.

    entities, books: what its tokens are limited to; None: not limited.
    """

    secret: str
    subject: str
    roles: list[str]
    entities: list[str] | None = None
    books: list[str] | None = None

    def limits(self, entities: Sequence[str], books: Sequence[str]) -> dict[str, list[str]] | None:
        """Return the limits of a token for whoever asks for these alone; None when that is more than the client may."""
        asked = (("entities", self.entities, entities), ("books", self.books, books))
        if any(own is not None and not set(some) <= set(own) for _, own, some in asked):
            return None
        limits = {name: list(some) or own for name, own, some in asked}
        return {name: some for name, some in limits.items() if some is not None}


_file = TypeAdapter(dict[str, Client])


class Clients:
    """The clients that a file lists. The file may change or appear while the issuer runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: int | None = None
        self._clients: dict[str, Client] = {}

    def authenticate(self, client_id: str, secret: str) -> Client | None:
        """Return the client when the secret is theirs. Takes the same time whether or not the id exists."""
        client = self._current().get(client_id)
        expected = client.secret if client else "no such client"
        matches = hmac.compare_digest(expected.encode(), secret.encode())
        return client if client and matches else None

    def _current(self) -> dict[str, Client]:
        try:
            changed_at = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed_at != self._read_at:
            self._clients = _file.validate_json(self._path.read_bytes())
            self._read_at = changed_at
        return self._clients
