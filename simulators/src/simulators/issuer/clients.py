"""Who may fetch a token, and for whom."""

import hmac
from pathlib import Path

from pydantic import BaseModel, TypeAdapter


class Client(BaseModel):
    """One caller. subject: the person or system that its tokens speak for. roles: the jobs they hold."""

    secret: str
    subject: str
    roles: list[str]


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
