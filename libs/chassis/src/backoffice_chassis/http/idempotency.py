"""`Idempotency-Key`: a POST sent twice has one effect and one answer (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.http.problems import FieldError, Problem, conflict, invalid
from backoffice_chassis.secrecy.sealed import Sealed
from backoffice_chassis.security.principal import Principal
from backoffice_chassis.security.scope import Scope

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_LONGEST_KEY = 255
_LONGEST_ROUTE = 500  # what an index row holds is bounded
_KEPT_HEADERS = ("content-type", "location", "etag")

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope, 0))")
# By the database's clock, which all its processes share: one of them whose own is wrong would have answers forgotten
# that were given a moment ago, and a repeat would take effect a second time.
_FORGET = text(
    "DELETE FROM idempotency_key WHERE ctid = ANY(ARRAY("
    " SELECT ctid FROM idempotency_key WHERE created_at < now() - CAST(:age AS interval) LIMIT :most))"
)
idempotency_key = Table(
    "idempotency_key",
    MetaData(),
    Column("subject", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, default=func.now()),
)
SEALED_ANSWERS = Sealed(idempotency_key, ("body",))
"""An answer may hold whatever the caller may see."""


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
        if len(request.headers.getlist(HEADER)) > 1:
            raise invalid(
                [FieldError(f"/header/{HEADER}", "is given more than once: one request has one key")]
            )
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
        query = select(idempotency_key).filter_by(**self._identity())
        found = await SEALED_ANSWERS.open(connection, await connection.execute(query))
        if not found:
            return None
        answer = found[0]
        if answer["request_hash"] != self.request_hash:
            raise Problem(
                422,
                "idempotency-key-reused",
                "The key belongs to another request",
                f"This {HEADER} was used with another payload: draw a new key for a new request.",
            )
        headers = {**json.loads(answer["headers"]), REPLAYED: "true"}
        return Response(answer["body"], answer["status"], headers)

    async def keep(self, connection: AsyncConnection, response: Response) -> None:
        """Store the answer in the transaction of the effect."""
        headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        answer = {
            **self._identity(),
            "request_hash": self.request_hash,
            "status": response.status_code,
            "headers": json.dumps(headers),
            "body": bytes(response.body),
        }
        [row] = await SEALED_ANSWERS.seal(connection, [answer])
        await connection.execute(insert(idempotency_key), row)

    def _identity(self) -> dict[str, str]:
        return {"subject": self.subject, "route": self.route, "key": self.key}


def refuse_key(request: Request, because: str) -> None:
    """Raise 422 when the request carries a key: what it does stands in more than one transaction."""
    if HEADER in request.headers:
        raise invalid([FieldError(f"/header/{HEADER}", f"is not taken here: {because}")])


async def forget(connection: AsyncConnection, age: timedelta, most: int) -> int:
    """Delete up to `most` answers of a greater age; return how many there were."""
    return (await connection.execute(_FORGET, {"age": age, "most": most})).rowcount


def _listed(scope: Scope) -> str:
    return json.dumps([some if some is None else sorted(some) for some in (scope.entities, scope.books)])
