"""Errors as a client meets them: RFC 9457 problem details with a stable `type` for each kind of error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault. field: where it stands, e.g. `/body/trades/0/price`. reason: in words. code: stable kind."""

    field: str
    reason: str
    code: str = "invalid"


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457 names it so
    """Raise it anywhere under a route: the request's transaction is rolled back and the client reads this.

    status: HTTP status. type: stable slug, served as `/problems/<slug>`. title: the same for every occurrence.
    detail: what is wrong this time and what to do; never personal data. errors: each field at fault.
    headers: extra response headers (`Retry-After`, `WWW-Authenticate`).
    """

    status: int
    type: str
    title: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.type}: {self.detail}"

    def document(self, instance: str) -> dict[str, Any]:
        """Return the problem document for the request path `instance`."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.type}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            body["errors"] = [{"field": e.field, "reason": e.reason, "code": e.code} for e in self.errors]
        return body


def not_found(what: str, key: str) -> Problem:
    """Return 404: there is no `what` with this key."""
    return Problem(404, "not-found", "Not found", f"There is no {what} {key[:140]!r}.")


def conflict(slug: str, detail: str, *, title: str = "Conflict with the present state") -> Problem:
    """Return 409: the request makes sense but not in the state that things are in."""
    return Problem(409, slug, title, detail)


def invalid(errors: Sequence[FieldError], *, detail: str | None = None) -> Problem:
    """Return 422: fields at fault, all of them at once."""
    named = ", ".join(error.field for error in errors[:5])
    text = detail or f"{len(errors)} field(s) at fault: {named}{', …' if len(errors) > 5 else ''}."
    return Problem(422, "invalid-request", "The request is not valid", text, tuple(errors))


def precondition_failed(detail: str) -> Problem:
    """Return 412: somebody changed it since it was read."""
    return Problem(412, "precondition-failed", "The version given is not the current one", detail)


def precondition_required(detail: str) -> Problem:
    """Return 428: say which version the change is meant for."""
    return Problem(428, "precondition-required", "If-Match is missing", detail)


def unavailable(detail: str, *, slug: str = "unavailable", retry_after: int = 2) -> Problem:
    """Return 503: send it again after `retry_after` seconds. Nothing was changed, unless `detail` says otherwise."""
    title = "Not available for the moment"
    return Problem(503, slug, title, detail, headers={"Retry-After": str(retry_after)})


def unauthenticated(detail: str) -> Problem:
    """Return 401: there is no valid token. The challenge follows RFC 6750."""
    challenge = 'Bearer error="invalid_token"' if detail != MISSING_TOKEN else "Bearer"
    return Problem(
        401, "unauthenticated", "A valid token is needed", detail, headers={"WWW-Authenticate": challenge}
    )


MISSING_TOKEN = "Send `Authorization: Bearer <token>` with a token of the configured issuer."  # noqa: S105 - a message


def forbidden(detail: str) -> Problem:
    """Return 403: the caller is known but may not."""
    return Problem(403, "forbidden", "Not allowed", detail)
