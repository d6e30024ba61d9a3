"""What a job may do. Each service declares its permissions once, in its `permissions.py`."""

from backoffice_chassis.security.principal import Principal, Role


class Permission:
    """Something that a caller may do, and the jobs that may do it.

    name: a verb and its object, such as `read-trades`; it stands in what a caller is answered who may not.
    """

    def __init__(self, name: str, *roles: Role) -> None:
        if not roles:
            raise ValueError(f"name the roles that {name}; every role: *Role")
        self.name = name
        self.roles = frozenset(roles)

    def held_by(self, principal: Principal) -> bool:
        """Return whether a caller holds one of the jobs that may do it."""
        return not self.roles.isdisjoint(principal.roles)
