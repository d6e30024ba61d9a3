"""`Idempotency-Key`: a POST sent twice has one effect and one answer (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.http.problems import FieldError, Problem, conflict, invalid
from backoffice_chassis.security.principal import Principal
from backoffice_chassis.security.scope import Scope

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_LONGEST_KEY = 255
_LONGEST_ROUTE = 500  # what an index row holds is bounded
_KEPT_HEADERS = ("content-type", "location", "etag")

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope, 0))")
_FIND = text(
    "SELECT request_hash, status, headers, body FROM idempotency_key"
    " WHERE subject = :subject AND route = :route AND key = :key"
)
_KEEP = text(
    "INSERT INTO idempotency_key (subject, route, key, request_hash, status, headers, body, created_at)"
    " VALUES (:subject, :route, :key, :request_hash, :status, :headers, :body, :now)"
)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """One POST under a key. The key is the caller's own: another subject or another path never meets it.

    What somebody was answered is not given to a token of theirs that is limited to other entities or books.
    """

    subject: str
    route: str
    key: str
    request_hash: bytes

    @classmethod
    async def of(cls, request: Request) -> "IdempotentRequest | None":
        """Return the request's identity, None when it carries no key. Raises 422 for a key that is no key."""
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None:
            return None
        if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise invalid(
                [FieldError(f"/header/{HEADER}", f"must be 1 to {_LONGEST_KEY} printable ASCII characters")]
            )
        route = f"{request.method} {quote(request.scope['path'])}"
        principal: Principal = request.state.principal
        limits = "" if principal.scope.whole_firm else f"{_listed(principal.scope)}\n"
        asked = f"{route}?{request.url.query}\n{limits}".encode() + await request.body()
        digest = hashlib.sha256(asked).digest()
        if len(route) > _LONGEST_ROUTE:
            route = hashlib.sha256(route.encode()).hexdigest()
        return cls(principal.subject, route, key, digest)

    async def stored_answer(self, connection: AsyncConnection) -> Response | None:
        """Return what the first request was answered, None when this is the first.

        Takes the key for this transaction. Raises 409 while another request holds it, 422 when the key was used for
        another payload.
        """
        scope = "\n".join((self.subject, self.route, self.key))
        if not (await connection.execute(_LOCK, {"scope": scope})).scalar_one():
            raise conflict(
                "request-in-flight",
                f"A request with this {HEADER} is being worked on: send it again in a moment.",
                title="The first request is not finished",
            )
        row = (await connection.execute(_FIND, self._identity())).one_or_none()
        if row is None:
            return None
        if row.request_hash != self.request_hash:
            raise Problem(
                422,
                "idempotency-key-reused",
                "The key belongs to another request",
                f"This {HEADER} was used with another payload: draw a new key for a new request.",
            )
        headers = {**json.loads(row.headers), REPLAYED: "true"}
        return Response(row.body, row.status, headers)

    async def keep(self, connection: AsyncConnection, response: Response, now: object) -> None:
        """Store the answer in the transaction of the effect."""
        headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        await connection.execute(
            _KEEP,
            {
                **self._identity(),
                "request_hash": self.request_hash,
                "status": response.status_code,
                "headers": json.dumps(headers),
                "body": bytes(response.body),
                "now": now,
            },
        )

    def _identity(self) -> dict[str, str]:
        return {"subject": self.subject, "route": self.route, "key": self.key}


def _listed(scope: Scope) -> str:
    return json.dumps([some if some is None else sorted(some) for some in (scope.entities, scope.books)])
