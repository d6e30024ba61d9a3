"""Which roles may call a route: `principal: Annotated[Principal, requires(Role.OPERATIONS)]`."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backoffice_chassis.http.problems import forbidden
from backoffice_chassis.security.principal import Principal, Role

_bearer = HTTPBearer(auto_error=False, scheme_name="OpenID Connect token", bearerFormat="JWT")


class Access:
    """A dependency that lets through whoever holds one of the roles; the route proved the token before."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        """Return the caller. Raises 403 naming the roles that may."""
        principal: Principal = request.state.principal
        self.check(principal)
        return principal

    def check(self, principal: Principal) -> None:
        """Raise 403 unless the principal holds one of the roles."""
        if not principal.has(*self.roles):
            raise forbidden(f"This needs one of the roles: {', '.join(sorted(self.roles))}.")


def requires(*roles: Role) -> Any:
    """Return the dependency that answers 401 without a valid token and 403 without one of `roles`."""
    if not roles:
        raise ValueError("name the roles that may call the route; every role: requires(*Role)")
    return Depends(Access(frozenset(roles)))


def access_rules(dependant: Dependant) -> Iterator[Access]:
    """Yield every `requires` that a route declares, itself or through its router or a dependency."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Access):
            yield dependency.call
        yield from access_rules(dependency)
