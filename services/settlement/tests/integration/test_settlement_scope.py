"""Whoever's token is limited to some entities and books sees and works theirs alone, on a real database."""

from collections.abc import AsyncIterator, Callable
from itertools import product

import httpx
import pytest
import settlement_samples as a
from fastapi import FastAPI
from settlement_world import World
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import Role, Scope, ServiceSettings
from backoffice_chassis.security.access import Reach
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    client_beside,
    client_for,
    every_item,
    routes_reaching,
)
from settlement.main import build

pytestmark = pytest.mark.integration

OURS, SECOND = "529900HNOAA1KXQJUQ27", "5493001KJTIIGC8Y1R12"
BOOKS = {"EQ-1": OURS, "EQ-2": OURS, "EQ-3": SECOND}
SCOPED = {
    "GET /settlements",
    "GET /settlements/{trade_id}",
    "GET /instructions/{instruction_id}/messages",
    "GET /exceptions",
    "GET /exceptions/{exception_id}",
    "POST /exceptions/{exception_id}/assign",
    "POST /exceptions/{exception_id}/resolve",
    "GET /approvals",
    "GET /approvals/{approval_id}",
    "POST /approvals/{approval_id}/approve",
    "POST /approvals/{approval_id}/reject",
    "POST /approvals/{approval_id}/withdraw",
}
Limited = Callable[[Scope], httpx.AsyncClient]


@pytest.fixture
async def app(engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    url = engine.url.render_as_string(hide_password=False)
    settings = ServiceSettings(
        database_url=url, issuer_url="http://127.0.0.1:1", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app:
        yield app


@pytest.fixture
async def firm(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "olga", Role.OPERATIONS) as client:
        yield client


@pytest.fixture
def limited(firm: httpx.AsyncClient) -> Limited:
    """Return what makes a client of a team that may see some books alone."""

    def of(scope: Scope) -> httpx.AsyncClient:
        return client_beside(firm, "otto", Role.OPERATIONS, scope=scope)

    return of


@pytest.fixture
async def held(world: World) -> dict[str, str]:
    """Return the book of each trade by its id: two of each book, instructed and failing, and one that was moved.

    Of one more, only the confirmation came so far: it has no book yet.
    """
    trades = [a.trade(book=book, entity_lei=entity) for _ in range(2) for book, entity in BOOKS.items()]
    moved = a.trade(book="EQ-1", entity_lei=OURS)
    for trade in (*trades, moved):
        await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    after = a.trade(moved.trade_id, version=2, book="EQ-3", entity_lei=SECOND)
    await world.facts(a.amended(after), a.confirmed(a.trade().trade_id))
    await world.day(a.closed(a.SETTLEMENT_DATE))
    return {each.trade_id: each.book for each in (*trades, after)}


def test_these_are_the_routes_that_keep_to_a_scope(app: FastAPI) -> None:
    assert routes_reaching(app, Reach.SCOPE) == SCOPED


async def test_no_page_of_any_scope_shows_what_is_out_of_it_or_leaves_out_what_is_in(
    held: dict[str, str], firm: httpx.AsyncClient, limited: Limited
) -> None:
    assert len(await every_item(firm, "/settlements")) == len(held) + 1
    excepted = [each["trade_id"] for each in await every_item(firm, "/exceptions")]
    assert {held[trade_id] for trade_id in excepted} == set(BOOKS)
    some_entities = (None, {OURS}, {SECOND}, {OURS, SECOND})
    some_books = (None, {"EQ-1"}, {"EQ-2", "EQ-3"}, set(BOOKS), {"EQ-9"})
    for entities, names, limit in product(some_entities, some_books, (1, 1000)):
        if entities is None and names is None:
            continue
        client = limited(Scope(entities, names))
        own = {
            trade_id
            for trade_id, book in held.items()
            if (names is None or book in names) and (entities is None or BOOKS[book] in entities)
        }
        seen = await every_item(client, "/settlements", limit=limit)
        assert sorted(each["trade_id"] for each in seen) == sorted(own), (entities, names)
        seen = await every_item(client, "/exceptions", limit=limit)
        assert sorted(each["trade_id"] for each in seen) == sorted(each for each in excepted if each in own)


async def test_what_is_out_of_scope_is_answered_as_if_it_did_not_exist(
    held: dict[str, str], firm: httpx.AsyncClient, limited: Limited
) -> None:
    client = limited(Scope(books=frozenset({"EQ-1"})))
    for trade_id, book in held.items():
        sent = (await firm.get(f"/settlements/{trade_id}")).json()["instructions"][0]["instruction_id"]
        for path in (f"/settlements/{trade_id}", f"/instructions/{sent}/messages"):
            assert (await client.get(path)).status_code == (200 if book == "EQ-1" else 404), book
    before = await every_item(firm, "/exceptions")
    for item in before:
        path = f"/exceptions/{item['exception_id']}"
        if held[item["trade_id"]] == "EQ-1":
            assert (await client.get(path)).status_code == 200
            continue
        answers = [
            await client.get(path),
            await client.post(f"{path}/assign", json={"owner": "otto"}),
            await client.post(f"{path}/resolve", json={"comment": "seen"}),
        ]
        assert [answer.status_code for answer in answers] == [404] * 3
    assert await every_item(firm, "/exceptions") == before


async def test_own_exceptions_are_assigned_and_resolved(held: dict[str, str], limited: Limited) -> None:
    client = limited(Scope(frozenset({SECOND}), frozenset({"EQ-3"})))
    item = (await every_item(client, "/exceptions", status="OPEN"))[0]
    path = f"/exceptions/{item['exception_id']}"
    assert (await client.post(f"{path}/assign", json={"owner": "otto"})).json()["owner"] == "otto"
    assert (await client.post(f"{path}/resolve", json={"comment": "seen"})).json()["status"] == "RESOLVED"


@pytest.mark.parametrize(
    "path", ["/control-totals", "/settlement-efficiency?first=2024-06-04&last=2024-06-04"]
)
async def test_totals_are_the_whole_firms(limited: Limited, path: str) -> None:
    refused = await limited(Scope(frozenset(BOOKS.values()), frozenset(BOOKS))).get(path)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/firm-wide")
