"""What a caller needs for a route: `principal: Annotated[Principal, requires(permissions.READ_TRADES)]`."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backoffice_chassis.http.problems import forbidden
from backoffice_chassis.security.permissions import Permission
from backoffice_chassis.security.principal import Principal

_bearer = HTTPBearer(auto_error=False, scheme_name="OpenID Connect token", bearerFormat="JWT")


class Access:
    """A dependency that lets through whoever holds a permission; the route proved the token before."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        """Return the caller. Raises 403 naming the roles that may."""
        principal: Principal = request.state.principal
        self.check(principal)
        return principal

    def check(self, principal: Principal) -> None:
        """Raise 403 unless the principal holds the permission."""
        if not self.permission.held_by(principal):
            roles = ", ".join(sorted(self.permission.roles))
            raise forbidden(f"To {self.permission.name} needs one of the roles: {roles}.")


def requires(permission: Permission) -> Any:
    """Return the dependency that answers 401 without a valid token and 403 without the permission."""
    return Depends(Access(permission))


def access_rules(dependant: Dependant) -> Iterator[Access]:
    """Yield every `requires` that a route declares, itself or through its router or a dependency."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Access):
            yield dependency.call
        yield from access_rules(dependency)
