"""What a caller needs for a route: `principal: Annotated[Principal, requires(permissions.READ_TRADES)]`.

Whoever may see some entities or books alone is refused, unless the route says that it keeps to them (`scoped`), or that
what it shows belongs to no book (`shared`).
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backoffice_chassis.http.problems import Problem, forbidden
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal

_bearer = HTTPBearer(auto_error=False, scheme_name="OpenID Connect token", bearerFormat="JWT")


class Reach(StrEnum):
    """What a route shows and changes, as far as entities and books go."""

    FIRM = "the whole firm"
    SCOPE = "the caller's entities and books"
    SHARED = "what belongs to no book"


class Access:
    """A dependency that lets through whoever holds a permission; the route proved the token before."""

    def __init__(self, permission: Permission, reach: Reach = Reach.FIRM) -> None:
        self.permission = permission
        self.reach = reach

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        """Return the caller. Raises 403 as `check` does."""
        principal: Principal = request.state.principal
        self.check(principal)
        return principal

    def check(self, principal: Principal) -> None:
        """Raise 403 unless the principal holds the permission, for as much of the firm as the route reaches."""
        if not self.permission.held_by(principal):
            roles = ", ".join(sorted(self.permission.roles))
            raise forbidden(f"To {self.permission.name} needs one of the roles: {roles}.")
        if self.reach is Reach.FIRM and not principal.scope.whole_firm:
            raise firm_wide(principal)


def firm_wide(principal: Principal) -> Problem:
    """Return 403: what is asked for goes beyond the entities and books that the token is limited to."""
    detail = f"This is firm-wide: your token is limited to {principal.scope}."
    return Problem(403, "firm-wide", "Not for a part of the firm", detail)


def requires(permission: Permission) -> Any:
    """Return the dependency that answers 401 without a valid token, and 403 as `Access.check` does."""
    return Depends(Access(permission))


def scoped(permission: Permission) -> Any:
    """Return the dependency of a route that shows and changes nothing outside of `principal.scope`; it sees to that."""
    return Depends(Access(permission, Reach.SCOPE))


def shared(permission: Permission) -> Any:
    """Return the dependency of a route whose answer belongs to no book and is the same for everybody."""
    return Depends(Access(permission, Reach.SHARED))


def access_rules(dependant: Dependant) -> Iterator[Access]:
    """Yield every `requires` that a route declares, itself or through its router or a dependency."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Access):
            yield dependency.call
        yield from access_rules(dependency)
