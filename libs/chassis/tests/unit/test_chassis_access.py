"""A route says what its caller needs, or there is no route."""

import sqlite3

import pytest
from sqlalchemy import Text, column
from sqlalchemy.dialects import sqlite

from backoffice_chassis import Permission, Principal, Problem, Role, Router, Scope
from backoffice_chassis.security.access import Access, Reach

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


def limited(*roles: Role) -> Principal:
    return Principal("otto", frozenset(roles), scope=Scope(books=frozenset({"B-2", "B-1"})))


def test_a_route_that_says_nothing_of_scopes_refuses_whoever_is_limited_to_some_books() -> None:
    access = Access(Permission("read-notes", Role.OPERATIONS))
    access.check(Principal("olivia", frozenset({Role.OPERATIONS})))
    with pytest.raises(Problem) as refused:
        access.check(limited(Role.OPERATIONS))
    assert (refused.value.status, refused.value.type) == (403, "firm-wide")
    assert refused.value.detail == "This is firm-wide: your token is limited to the books B-1, B-2."


@pytest.mark.parametrize("reach", [Reach.SCOPE, Reach.SHARED])
def test_a_route_that_keeps_to_scopes_still_wants_the_permission(reach: Reach) -> None:
    access = Access(Permission("read-notes", Role.OPERATIONS), reach)
    access.check(limited(Role.OPERATIONS))
    with pytest.raises(Problem, match="needs one of the roles"):
        access.check(limited(Role.HR))


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        (Scope(), {("E-1", "B-1"), ("E-2", "B-2"), (None, None)}),
        (Scope(frozenset({"E-1"})), {("E-1", "B-1")}),
        (Scope(books=frozenset({"B-2"})), {("E-2", "B-2")}),
        (Scope(frozenset({"E-1"}), frozenset({"B-2"})), set()),
        (Scope(frozenset({"E-1", "E-2"}), frozenset({"B-1"})), {("E-1", "B-1")}),
    ],
)
def test_a_row_is_in_scope_when_its_entity_and_its_book_are(
    scope: Scope, inside: set[tuple[str | None, str | None]]
) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE held (entity TEXT, book TEXT)")
        database.executemany("INSERT INTO held VALUES (?, ?)", [("E-1", "B-1"), ("E-2", "B-2"), (None, None)])
        condition = scope.rows(entity_lei=column("entity", Text), book=column("book", Text))
        words = condition.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        assert set(database.execute(f"SELECT entity, book FROM held WHERE {words}")) == inside  # noqa: S608


def test_a_row_that_names_no_entity_is_in_scope_of_whoever_is_limited_to_books_alone() -> None:
    book = column("book", Text)
    assert str(Scope(books=frozenset({"B-1"})).rows(entity_lei=None, book=book)).startswith("book IN")
    assert str(Scope(frozenset({"E-1"})).rows(entity_lei=None, book=book)) == "false"
