"""A route says what its caller needs, or there is no route."""

import pytest

from backoffice_chassis import Permission, Principal, Role, Router

pytestmark = pytest.mark.unit


def test_a_route_that_says_not_who_may_call_it_is_not_built() -> None:
    router = Router()
    with pytest.raises(TypeError, match="says not who may call it"):

        @router.get("/open-to-everybody")
        async def read() -> None: ...


def test_a_permission_names_its_roles() -> None:
    with pytest.raises(ValueError, match="name the roles that read-notes"):
        Permission("read-notes")


def test_a_permission_is_held_by_whoever_has_one_of_its_roles() -> None:
    read_notes = Permission("read-notes", Role.OPERATIONS, Role.AUDITOR)
    assert read_notes.held_by(Principal("olivia", frozenset({Role.AUDITOR, Role.HR})))
    assert not read_notes.held_by(Principal("hugo", frozenset({Role.HR})))
    assert not read_notes.held_by(Principal("nobody", frozenset()))
