"""Whoever's token is limited to some entities and books sees, works and decides on theirs alone, on a real database."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from backoffice_chassis import Role, Scope
from backoffice_chassis.security.access import Reach
from backoffice_chassis.testing import client_beside, client_for, every_item, routes_reaching
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCaptured
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.checks.handlers import Judge
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.repository import RulebookReader
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

pytestmark = pytest.mark.integration

NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
NOT_EMPLOYED_YET = date(2019, 12, 31)
OURS, SECOND = "549300MLUDYVRQOOXS22", "529900HNOAA1KXQJUQ27"
BOOKS = {"EQ-1": OURS, "EQ-2": OURS, "EQ-3": SECOND}
WHY = {"reason": "checked with the desk"}
Limited = Callable[..., httpx.AsyncClient]
SCOPED = {
    "GET /decisions",
    "GET /decisions/{decision_id}",
    "GET /cases",
    "GET /cases/{case_id}",
    "POST /cases/{case_id}/assign",
    "POST /cases/{case_id}/propose",
    "GET /approvals",
    "GET /approvals/{approval_id}",
    "POST /approvals/{approval_id}/approve",
    "POST /approvals/{approval_id}/reject",
    "POST /approvals/{approval_id}/withdraw",
}


@pytest.fixture
async def held(
    database: str,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    employee: Employee,
    make_trade: Callable[..., Trade],
) -> dict[str, str]:
    """Return the book of each trade by its id: two of each book, one cleared and one held, and one that was moved."""
    trades = [
        make_trade(book=book, entity_lei=entity, **terms)
        for terms, (book, entity) in product(({}, {"trade_date": NOT_EMPLOYED_YET}), BOOKS.items())
    ]
    moved = make_trade(book="EQ-1", entity_lei=OURS, trade_date=NOT_EMPLOYED_YET)
    amended = make_trade(
        trade_id=moved.trade_id, version=2, book="EQ-3", entity_lei=SECOND, trade_date=NOT_EMPLOYED_YET
    )
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        await on_reference(Batch.of(connection, [instrument, counterparty]))
        await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))
        await Screener(IndexReader()).screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))
        captured = [TradeCaptured(trade=each) for each in (*trades, moved)]
        judge = Judge(RulebookReader())
        await judge.on_trades(Batch.of(connection, captured, now=NOW))
        change = TradeAmended(trade=amended)
        await judge.on_trades(Batch.of(connection, [change], now=NOW))
    await engine.dispose()
    return {each.trade_id: each.book for each in (*trades, amended)}


@pytest.fixture
async def firm(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "olga", Role.COMPLIANCE_OFFICER) as client:
        yield client


@pytest.fixture
def limited(firm: httpx.AsyncClient) -> Limited:
    """Return what makes a client of an officer who may see some books alone."""

    def of(scope: Scope, subject: str = "otto") -> httpx.AsyncClient:
        return client_beside(firm, subject, Role.COMPLIANCE_OFFICER, scope=scope)

    return of


def books(*names: str) -> Scope:
    return Scope(books=frozenset(names))


async def case_of(client: httpx.AsyncClient, trade_id: str) -> str:
    found = await every_item(client, "/cases", trade_id=trade_id, status="OPEN")
    return str(found[0]["case_id"])


async def propose(client: httpx.AsyncClient, case_id: str) -> httpx.Response:
    return await client.post(f"/cases/{case_id}/propose", json={**WHY, "resolution": "RELEASE"})


def test_these_are_the_routes_that_keep_to_a_scope(app: FastAPI) -> None:
    assert routes_reaching(app, Reach.SCOPE) == SCOPED


async def test_no_page_of_any_scope_shows_what_is_out_of_it_or_leaves_out_what_is_in(
    held: dict[str, str], firm: httpx.AsyncClient, limited: Limited
) -> None:
    decisions = {each["decision_id"] for each in await every_item(firm, "/decisions")}
    cases = {each["decision_id"] for each in await every_item(firm, "/cases")}
    assert len(decisions) == len(held) + 1
    judged = {each: await judged_trade(firm, each) for each in decisions}
    some_entities = (None, {OURS}, {SECOND}, {OURS, SECOND})
    some_books = (None, {"EQ-1"}, {"EQ-2", "EQ-3"}, set(BOOKS), {"EQ-9"})
    for entities, names, limit in product(some_entities, some_books, (1, 1000)):
        client = limited(Scope(entities, names))
        own = {
            decision_id
            for decision_id, trade in judged.items()
            if (names is None or trade["book"] in names)
            and (entities is None or trade["entity_lei"] in entities)
        }
        seen = await every_item(client, "/decisions", limit=limit)
        assert sorted(each["decision_id"] for each in seen) == sorted(own), (entities, names)
        seen = await every_item(client, "/cases", limit=limit)
        assert {each["decision_id"] for each in seen} == cases & own, (entities, names)


async def judged_trade(client: httpx.AsyncClient, decision_id: str) -> dict[str, Any]:
    trade: dict[str, Any] = (await client.get(f"/decisions/{decision_id}")).json()["inputs"]["trade"]
    return trade


async def test_what_is_out_of_scope_is_answered_as_if_it_did_not_exist(
    held: dict[str, str], firm: httpx.AsyncClient, limited: Limited
) -> None:
    client = limited(books("EQ-1"))
    for decision in await every_item(firm, "/decisions"):
        book = (await judged_trade(firm, decision["decision_id"]))["book"]
        expected = 200 if book == "EQ-1" else 404
        assert (await client.get(f"/decisions/{decision['decision_id']}")).status_code == expected
        if decision["case_id"] is None:
            continue
        path = f"/cases/{decision['case_id']}"
        assert (await client.get(path)).status_code == expected
        if book != "EQ-1":
            assigned = await client.post(f"{path}/assign", json={"assignee": "otto"})
            assert (assigned.status_code, (await propose(client, decision["case_id"])).status_code) == (
                404,
                404,
            )
    assert {each["assigned_to"] for each in await every_item(firm, "/cases")} == {None}
    assert await every_item(firm, "/approvals") == []


async def test_a_release_is_proposed_and_decided_on_by_two_of_the_same_books(
    held: dict[str, str], firm: httpx.AsyncClient, limited: Limited
) -> None:
    trade_id = next(each for each, book in reversed(held.items()) if book == "EQ-2")
    case_id = await case_of(firm, trade_id)
    made = await propose(limited(books("EQ-2")), case_id)
    assert made.status_code == 201, made.text
    path = f"/approvals/{made.json()['approval_id']}"
    stranger, checker = limited(books("EQ-1", "EQ-3"), "chen"), limited(books("EQ-2"), "chen")
    assert await every_item(stranger, "/approvals") == []
    for answer in (
        await stranger.get(path),
        await stranger.post(f"{path}/approve", json=WHY),
        await stranger.post(f"{path}/reject", json=WHY),
        await stranger.post(f"{path}/withdraw", json=WHY),
    ):
        assert answer.status_code == 404
    assert [each["object_id"] for each in await every_item(checker, "/approvals")] == [case_id]
    approved = await checker.post(f"{path}/approve", json=WHY)
    assert (approved.status_code, approved.json()["status"]) == (200, "APPROVED"), approved.text
    for client, seen in ((checker, 2), (stranger, 0), (limited(Scope({SECOND})), 0), (firm, 2)):
        found = await every_item(client, "/decisions", trade_id=trade_id)
        assert len(found) == seen
        for decision in found:
            answer = await client.get(f"/decisions/{decision['decision_id']}")
            assert answer.status_code == 200


async def test_a_change_of_rules_is_the_whole_firms(firm: httpx.AsyncClient, limited: Limited) -> None:
    rule = {
        "kind": "ORDER_VALUE",
        "subject": "BOOK:EQ-1:USD",
        "valid_from": "2024-01-01",
        "terms": {"scope": "BOOK", "name": "EQ-1", "currency": "USD", "limit": "1", "outcome": "HOLD"},
    }
    client = limited(Scope(set(BOOKS.values()), set(BOOKS)))
    refused = await client.post("/rule-changes", json={"reason": "lower", "rules": [rule]})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/firm-wide")
    assert (await client.get("/rules")).status_code == 403


async def test_a_limited_officer_is_told_nothing_of_other_books_trades_and_positions(
    database: str,
    held: dict[str, str],
    firm: httpx.AsyncClient,
    limited: Limited,
    make_trade: Callable[..., Trade],
) -> None:
    theirs = make_trade(book="EQ-3", entity_lei=SECOND)
    twin = make_trade(book="EQ-1", entity_lei=OURS, executed_at=theirs.executed_at)
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        captured = [TradeCaptured(trade=theirs), TradeCaptured(trade=twin)]
        await Judge(RulebookReader()).on_trades(Batch.of(connection, captured, now=NOW))
    await engine.dispose()
    (own,) = await every_item(firm, "/decisions", trade_id=twin.trade_id)
    assert own["reasons"] == ["DUPLICATE"]
    path = f"/decisions/{own['decision_id']}"
    assert theirs.trade_id in (await firm.get(path)).text
    client = limited(books("EQ-1"))
    alone, listed = await client.get(path), await client.get("/decisions")
    assert alone.json()["reasons"] == ["DUPLICATE"]
    assert list(alone.json()["inputs"]) == ["trade"]
    others = {trade_id for trade_id, book in held.items() if book != "EQ-1"} | {theirs.trade_id}
    (moved,) = {each["trade_id"] for each in listed.json()["items"]} & others
    assert held[moved] == "EQ-3", "decided for EQ-1 before it was moved"
    for answer in (alone, listed):
        assert not [trade_id for trade_id in others - {moved} if trade_id in answer.text]
    assert (await client.get(f"{path}/replay")).status_code == 403
