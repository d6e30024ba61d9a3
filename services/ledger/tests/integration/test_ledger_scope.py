"""Whoever's token is limited to some entities and books reads theirs alone, and what they come to, on a real database.

Book EQ-1 went over to the second entity: its journals are of both.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
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
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.messaging import Batch
from ledger.journals.handlers import book
from ledger.main import build

pytestmark = pytest.mark.integration

OURS, SECOND = "529900T8BM49AURSDO55", "5493001KJTIIGC8Y1R12"
HELD = {("EQ-1", OURS), ("EQ-2", OURS), ("EQ-3", SECOND), ("EQ-1", SECOND)}
SCOPED = {
    "GET /journals",
    "GET /journals/{journal_id}",
    "GET /positions",
    "GET /trial-balance",
    "GET /accounts/{code}/statement",
    "GET /approvals",
    "GET /approvals/{approval_id}",
    "POST /approvals/{approval_id}/approve",
    "POST /approvals/{approval_id}/reject",
    "POST /approvals/{approval_id}/withdraw",
}
Limited = Callable[[Scope], httpx.AsyncClient]


@pytest.fixture
async def app(database_url: str, engine: AsyncEngine, events: Any) -> AsyncIterator[FastAPI]:
    """Return the application on books that hold purchases and sales, settled, failing and open, of each of `HELD`."""
    random = Random(7)
    async with engine.begin() as connection:
        for own, entity in sorted(HELD):
            trades = [
                events.trade(
                    book=own,
                    entity_lei=entity,
                    side=random.choice(list(Side)),
                    isin=random.choice(["US0378331005", "US5949181045"]),
                    quantity=Decimal(random.randint(1, 500)),
                    gross_amount=Decimal(random.randint(1000, 1_000_000)) / 100,
                )
                for _ in range(4)
            ]
            news = [*map(events.captured, trades), events.settled(trades[0]), events.failing(trades[1])]
            await book(Batch.of(connection, news, now=datetime(2024, 6, 3, 15, tzinfo=UTC)))
    settings = ServiceSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app:
        yield app


@pytest.fixture
async def firm(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "fiona", Role.FINANCE) as client:
        yield client


@pytest.fixture
def limited(firm: httpx.AsyncClient) -> Limited:
    """Return what makes a client of a team that may see some books alone."""

    def of(scope: Scope) -> httpx.AsyncClient:
        return client_beside(firm, "otto", Role.FINANCE, scope=scope)

    return of


def every_scope() -> Iterator[Scope]:
    some_entities = (None, {OURS}, {SECOND}, {OURS, SECOND})
    some_books = (None, {"EQ-1"}, {"EQ-2"}, {"EQ-2", "EQ-3"}, {"EQ-1", "EQ-2", "EQ-3"}, {"EQ-9"})
    for entities, names in product(some_entities, some_books):
        if entities is not None or names is not None:
            yield Scope(entities, names)


def of_scope(journals: list[dict[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    return [
        each
        for each in journals
        if (scope.books is None or each["book"] in scope.books)
        and (scope.entities is None or each["entity_lei"] in scope.entities)
    ]


def balances(journals: list[dict[str, Any]]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return debit and credit turnover by account, added up from journals."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for line in (line for each in journals for line in each["lines"]):
        debit, credit = sums.get(line["account"], (Decimal(0), Decimal(0)))
        sums[line["account"]] = debit + Decimal(line["debit"]), credit + Decimal(line["credit"])
    return sums


def positions(journals: list[dict[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """Return what was traded by book and instrument, added up from journals, but for what is flat in every respect."""
    names = ("trade_date_quantity", "settled_quantity", "unsettled_quantity", "failing_quantity")
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}
    for each in journals:
        held = sums.setdefault((each["book"], each["isin"]), dict.fromkeys(names, Decimal(0)))
        for name in names:
            held[name] += Decimal(each["movement"][name])
    return {key: held["trade_date_quantity"] for key, held in sums.items() if any(held.values())}


def test_these_are_the_routes_that_keep_to_a_scope(app: FastAPI) -> None:
    assert routes_reaching(app, Reach.SCOPE) == SCOPED
    assert routes_reaching(app, Reach.SHARED) == {"GET /accounts", "GET /accounts/{code}"}


@pytest.mark.parametrize("limit", [1, 1000])
async def test_no_page_of_any_scope_shows_what_is_out_of_it_or_leaves_out_what_is_in(
    firm: httpx.AsyncClient, limited: Limited, limit: int
) -> None:
    journals = await every_item(firm, "/journals")
    assert {(each["book"], each["entity_lei"]) for each in journals} == HELD
    for scope in every_scope():
        client, own = limited(scope), of_scope(journals, scope)
        assert await every_item(client, "/journals", limit=limit) == own, scope
        shown = await every_item(client, "/positions", limit=limit)
        assert {
            (each["book"], each["isin"]): Decimal(each["trade_date_quantity"]) for each in shown
        } == positions(own), scope
        lines = await every_item(client, "/accounts/2110/statement", currency="USD", limit=limit)
        assert {line["journal_id"] for line in lines} == {
            each["journal_id"] for each in own if "2110" in {line["account"] for line in each["lines"]}
        }, scope


async def test_totals_are_what_the_journals_in_scope_come_to(
    firm: httpx.AsyncClient, limited: Limited
) -> None:
    journals = await every_item(firm, "/journals")
    for scope in every_scope():
        client, own = limited(scope), balances(of_scope(journals, scope))
        trial = (await client.get("/trial-balance")).json()
        assert trial["balanced"]
        assert {
            line["account"]: (Decimal(line["debit_turnover"]), Decimal(line["credit_turnover"]))
            for line in trial["lines"]
        } == own, scope
        statement = (await client.get("/accounts/2110/statement", params={"currency": "USD"})).json()
        debit, credit = own.get("2110", (Decimal(0), Decimal(0)))
        assert Decimal(statement["closing_balance"]) == debit - credit, scope
        later = {"currency": "USD", "date_from": "2024-06-05"}
        statement = (await client.get("/accounts/2110/statement", params=later)).json()
        assert Decimal(statement["opening_balance"]) == debit - credit, scope


async def test_a_filter_does_not_reach_out_of_the_scope(limited: Limited) -> None:
    client = limited(Scope(books=frozenset({"EQ-1"})))
    assert await every_item(client, "/journals", book="EQ-2") == []
    assert await every_item(client, "/positions", book="EQ-2") == []
    assert (await client.get("/trial-balance", params={"book": "EQ-2"})).json()["lines"] == []
    answer = await client.get("/accounts/2110/statement", params={"currency": "USD", "book": "EQ-2"})
    assert (answer.json()["items"], Decimal(answer.json()["closing_balance"])) == ([], 0)


async def test_a_journal_out_of_scope_is_answered_as_if_it_did_not_exist(
    firm: httpx.AsyncClient, limited: Limited
) -> None:
    scope = Scope(frozenset({SECOND}), frozenset({"EQ-1"}))
    journals = await every_item(firm, "/journals")
    own = {each["journal_id"] for each in of_scope(journals, scope)}
    for each in journals:
        answer = await limited(scope).get(f"/journals/{each['journal_id']}")
        assert answer.status_code == (200 if each["journal_id"] in own else 404)


@pytest.mark.parametrize("path", ["/control-totals", "/trades"])
async def test_what_proves_the_books_is_the_whole_firms(limited: Limited, path: str) -> None:
    refused = await limited(Scope(frozenset({OURS, SECOND}), frozenset({"EQ-1", "EQ-2", "EQ-3"}))).get(path)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/firm-wide")


async def test_an_account_is_shown_to_all_and_closed_for_all(limited: Limited) -> None:
    client = limited(Scope(books=frozenset({"EQ-1"})))
    shown = await client.get("/accounts/2110")
    assert shown.status_code == 200
    etag = {"If-Match": shown.headers["etag"]}
    refused = await client.post("/accounts/2110/close", json={"reason": "no"}, headers=etag)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/firm-wide")
