"""Whoever's token is limited to some entities and books sees and changes theirs alone, on a real database.

Two entities with two books each; each book has trades, confirmations and entries of the repair queue.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from backoffice_chassis import Role, Scope
from backoffice_chassis.security.access import Reach
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    client_beside,
    client_for,
    engine_for,
    every_item,
    routes_reaching,
)
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import Batch, Transactions
from trade_capture.confirmation import handlers as confirmations
from trade_capture.main import MIGRATIONS, TradeCaptureSettings, build
from trade_capture.testing import DTC, NOW, OTHER_BROKER, OURS, confirming, executed, load_world

pytestmark = pytest.mark.integration

SECOND = "5493001KJTIIGC8Y1R12"
BOOKS = {"EQ-1": OURS, "EQ-2": OURS, "EQ-3": SECOND, "EQ-4": SECOND}
TRADES_A_BOOK = 3
SCOPED = {
    "GET /trades",
    "GET /trades/{trade_id}",
    "POST /trades",
    "POST /trades/bulk",
    "GET /repairs",
    "GET /repairs/{repair_id}",
    "POST /repairs/resubmit",
    "POST /repairs/{repair_id}/resubmit",
    "POST /repairs/{repair_id}/reject",
    "GET /confirmations",
    "POST /confirmations/{confirmation_id}/accept",
    "GET /reference/books",
    "GET /reference/books/{book}",
    "GET /reference/books/{book}/versions",
    "GET /approvals",
    "GET /approvals/{approval_id}",
    "POST /approvals/{approval_id}/approve",
    "POST /approvals/{approval_id}/reject",
    "POST /approvals/{approval_id}/withdraw",
}
Limited = Callable[[Scope], httpx.AsyncClient]


def stated(reference: str, book: Any, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(executed(reference, book=book))
    del body["settlement_date"], body["accrued_interest"]
    return {**body, **changes}


def books(*names: str) -> Scope:
    return Scope(books=frozenset(names))


@pytest.fixture(scope="module")
async def transactions(
    migrated_database: Callable[[Path], Awaitable[str]],
) -> AsyncIterator[tuple[str, Transactions]]:
    url = await migrated_database(MIGRATIONS)
    engine = engine_for(url)
    transactions = Transactions(engine, source="urn:test", clock=lambda: NOW)
    async with transactions.begin() as unit:
        await load_world(unit)
    yield url, transactions
    await engine.dispose()


@pytest.fixture(scope="module")
async def app(transactions: tuple[str, Transactions]) -> AsyncIterator[FastAPI]:
    url, ours = transactions
    settings = TradeCaptureSettings(
        database_url=url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with (
        app_for(build(settings, FixedClock(NOW))) as app,
        client_for(app, "olga", Role.OPERATIONS) as firm,
    ):
        await _found_second_entity(firm)
        await _trade(firm, ours)
        yield app


async def _found_second_entity(firm: httpx.AsyncClient) -> None:
    for name, entity in list(BOOKS.items())[1:]:
        body = {"name": name, "entity_lei": entity, "measurement": "FVTPL", "active": True}
        assert (await firm.put(f"/reference/books/{name}", json=body)).status_code == 201
    ssi = {
        "party": SECOND,
        "place_of_settlement": DTC,
        "currency": "USD",
        "agent_bic": "IRVTUS3NXXX",
        "safekeeping_account": "S-2",
        "cash_account": "C-2",
        "effective_from": "2020-01-01",
        "active": True,
    }
    assert (await firm.put("/reference/settlement-instructions", json={"rows": [ssi]})).json()["changed"] == 1


async def _trade(firm: httpx.AsyncClient, transactions: Transactions) -> None:
    """Let each book have trades, mismatched confirmations, and entries of the queue; interleaved."""
    for number in range(TRADES_A_BOOK):
        for book in BOOKS:
            answer = await firm.post("/trades", json=stated(f"{book}:{number}", book))
            assert answer.json()["result"] == "CAPTURED", answer.text
            story = (await firm.get(f"/trades/{answer.json()['trade_id']}")).json()
            sent = confirming(msgspec.convert(story["state"], Trade, strict=False), net_amount=1)
            async with transactions.begin() as unit:
                await confirmations.handle(Batch.of(unit.connection, [sent], now=unit.now))
    rows = [stated(f"R-{book}", book, trader="NOBODY") for book in BOOKS]
    rows += [{"action": "CORRECT", **stated(f"{book}:0", book, trader="NOBODY", version=2)} for book in BOOKS]
    rows += [stated("R-none", "nowhere"), stated("R-unreadable", ["EQ-1"])]
    moved = {
        "action": "CORRECT",
        **stated("EQ-3:1", "EQ-1", trader="NOBODY", version=2),
    }  # to another entity's book
    answer = await firm.post("/trades/bulk", json={"trades": [*rows, moved]})
    assert answer.json()["results"] == {"IN_REPAIR": len(rows) + 1}, answer.text


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


def every_scope() -> Iterator[Scope]:
    entities = (
        None,
        frozenset({OURS}),
        frozenset({SECOND}),
        frozenset({OURS, SECOND}),
        frozenset({"X" * 18 + "00"}),
    )
    some = chain.from_iterable(combinations(BOOKS, size) for size in range(1, len(BOOKS) + 1))
    for names in (None, *some, ("EQ-9",)):
        for which in entities:
            yield Scope(which, None if names is None else frozenset(names))


def expected(scope: Scope) -> set[str]:
    return {
        name
        for name, entity in BOOKS.items()
        if (scope.books is None or name in scope.books)
        and (scope.entities is None or entity in scope.entities)
    }


def test_these_are_the_routes_that_keep_to_a_scope(app: FastAPI) -> None:
    assert routes_reaching(app, Reach.SCOPE) == SCOPED


@pytest.mark.parametrize("limit", [3, 1000])
async def test_no_page_of_any_scope_shows_what_is_out_of_it_or_leaves_out_what_is_in(
    limited: Limited, limit: int
) -> None:
    for scope in filter(lambda each: not each.whole_firm, every_scope()):
        client, own = limited(scope), expected(scope)
        trades = await every_item(client, "/trades", limit=limit)
        assert sorted(each["trade_reference"] for each in trades) == sorted(
            f"{book}:{number}" for book in own for number in range(TRADES_A_BOOK)
        ), scope
        confirmed = await every_item(client, "/confirmations", limit=limit)
        assert {each["trade_id"] for each in confirmed} == {each["trade_id"] for each in trades}, scope
        assert len(confirmed) == len(trades)
        waiting = await every_item(client, "/repairs", limit=limit)
        moving = {"EQ-3:1"} if own >= {"EQ-1", "EQ-3"} else set()
        assert {each["trade_reference"] for each in waiting} == moving | {
            name for book in own for name in (f"R-{book}", f"{book}:0")
        }, scope
        shown = await every_item(client, "/reference/books", limit=limit)
        assert {each["book"] for each in shown} == own


async def test_what_is_out_of_scope_is_answered_as_if_it_did_not_exist(
    firm: httpx.AsyncClient, limited: Limited
) -> None:
    client = limited(books("EQ-1"))
    trade_ids = {each["trade_reference"]: each["trade_id"] for each in await every_item(firm, "/trades")}
    repairs = {each["trade_reference"]: each for each in await every_item(firm, "/repairs")}
    (sent,) = await every_item(firm, "/confirmations", trade_reference="EQ-3:0")
    accepting = {"trade_version": 1, "reason": "as agreed on the phone"}
    assert (await client.get(f"/trades/{trade_ids['EQ-1:0']}")).status_code == 200
    assert (await client.get(f"/repairs/{repairs['R-EQ-1']['repair_id']}")).status_code == 200
    assert (await client.get("/reference/books/EQ-1")).status_code == 200
    entry, etag = f"/repairs/{repairs['R-EQ-3']['repair_id']}", {"If-Match": '"1"'}
    answers = [
        await client.get(f"/trades/{trade_ids['EQ-3:0']}"),
        await client.get(entry),
        await client.get(f"/repairs/{repairs['R-none']['repair_id']}"),
        await client.get(f"/repairs/{repairs['R-unreadable']['repair_id']}"),
        await client.get(f"/repairs/{repairs['EQ-3:1']['repair_id']}"),
        await client.post(f"{entry}/resubmit", json={"comment": "again"}),
        await client.post(f"{entry}/resubmit", json={"changes": {"trader": "E-1"}}, headers=etag),
        await client.post(f"{entry}/reject", json={"reason": "not ours"}, headers=etag),
        await client.post(f"/confirmations/{sent['confirmation_id']}/accept", json=accepting),
        await client.get("/reference/books/EQ-3"),
        await client.get("/reference/books/EQ-3/versions"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)


@pytest.mark.parametrize(
    "body",
    [
        stated("S-1", "EQ-3"),
        stated("S-1", "nowhere"),
        stated("EQ-3:2", "EQ-1"),
        {"action": "CORRECT", **stated("EQ-3:2", "EQ-1", version=2)},
        {"action": "CORRECT", **stated("EQ-1:2", "EQ-3", version=2)},
        {"action": "CORRECT", **stated("S-none", "EQ-1", version=2)},
        {
            "action": "CANCEL",
            "source_system": "EQ",
            "trade_reference": "EQ-3:2",
            "version": 2,
            "reason": "no",
        },
        {
            "action": "CANCEL",
            "source_system": "EQ",
            "trade_reference": "S-none",
            "version": 2,
            "reason": "no",
        },
    ],
)
async def test_what_concerns_another_book_is_not_taken_in(
    firm: httpx.AsyncClient, limited: Limited, body: dict[str, Any]
) -> None:
    client = limited(books("EQ-1", "EQ-2"))
    before = await every_item(firm, "/trades"), await every_item(firm, "/repairs")
    alone = await client.post("/trades", json=body)
    among = await client.post("/trades/bulk", json={"trades": [stated("S-2", "EQ-1"), body]})
    for answer in (alone, among):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/out-of-scope"), answer.text
        assert answer.json()["detail"].endswith("limited to the books EQ-1, EQ-2.")
    assert (await every_item(firm, "/trades"), await every_item(firm, "/repairs")) == before


async def test_a_bulk_row_whose_book_cannot_be_read_is_not_taken_in(limited: Limited) -> None:
    rows = [stated("S-3", "EQ-1"), stated("S-4", 7), {"no": "trade"}]
    answer = await limited(books("EQ-1")).post("/trades/bulk", json={"trades": rows})
    assert answer.status_code == 403


async def test_trades_of_own_books_are_stated_corrected_and_cancelled(limited: Limited) -> None:
    client = limited(Scope(frozenset({OURS}), frozenset({"EQ-2", "EQ-3"})))
    cancel = {
        "action": "CANCEL",
        "source_system": "EQ",
        "trade_reference": "S-5",
        "version": 3,
        "reason": "x",
    }
    results = [
        (await client.post("/trades", json=body)).json().get("result")
        for body in (
            stated("S-5", "EQ-2"),
            {"action": "CORRECT", **stated("S-5", "EQ-2", version=2, quantity="7")},
            cancel,
        )
    ]
    assert results == ["CAPTURED", "AMENDED", "CANCELLED"]
    bulk = await client.post("/trades/bulk", json={"trades": [stated("S-5", "EQ-2")]})
    assert bulk.json()["results"] == {"RESENT": 1}


async def test_a_repair_may_not_move_a_trade_out_of_the_scope(limited: Limited) -> None:
    client = limited(books("EQ-2"))
    (entry,) = await every_item(client, "/repairs", trade_reference="R-EQ-2")
    path = f"/repairs/{entry['repair_id']}/resubmit"
    etag = {"If-Match": f'"{entry["version"]}"'}
    for book in ("EQ-1", "nowhere", ["EQ-2"]):
        away = await client.post(path, json={"changes": {"book": book, "trader": "E-1"}}, headers=etag)
        assert (away.status_code, away.json()["type"]) == (403, "/problems/out-of-scope")
    own = await client.post(path, json={"changes": {"trader": "E-1"}}, headers=etag)
    assert own.json()["result"] == "CAPTURED", own.text


async def test_resubmitting_in_bulk_takes_own_entries_alone(
    firm: httpx.AsyncClient, limited: Limited
) -> None:
    before = {each["repair_id"]: each["version"] for each in await every_item(firm, "/repairs")}
    client = limited(books("EQ-4"))
    own = {each["repair_id"] for each in await every_item(client, "/repairs", unfinished=True)}
    answer = (await client.post("/repairs/resubmit", json={"reason_code": "UNKNOWN_TRADER"})).json()
    assert {each["repair_id"] for each in answer["entries"]} == own
    assert answer["remaining"] == len(own)
    after = {each["repair_id"]: each["version"] for each in await every_item(firm, "/repairs")}
    assert {name for name, version in after.items() if version != before[name]} == own


async def test_an_answer_of_the_whole_firm_is_not_given_to_a_limited_token_of_the_same_person(
    app: FastAPI, firm: httpx.AsyncClient
) -> None:
    sent = {"json": stated("S-6", "EQ-3"), "headers": {"Idempotency-Key": "one"}}
    assert (await firm.post("/trades", **sent)).status_code == 201
    assert (await firm.post("/trades", **sent)).headers["Idempotency-Replayed"] == "true"
    async with client_for(app, "olga", Role.OPERATIONS, scope=books("EQ-1")) as same_person:
        again = await same_person.post("/trades", **sent)
    assert (again.status_code, again.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_what_is_the_whole_firms_is_refused_in_plain_words(limited: Limited) -> None:
    client = limited(Scope(frozenset({OURS}), frozenset({"EQ-1"})))
    for path in ("/control/trades", "/stp-metrics", "/tolerances", "/reference/settlement-instructions"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/firm-wide")
        assert answer.json()["detail"].endswith(f"limited to the entities {OURS} and the books EQ-1.")


async def test_a_proposal_of_the_whole_firm_is_not_seen_nor_decided_on(
    firm: httpx.AsyncClient, limited: Limited
) -> None:
    (row,) = await every_item(firm, "/reference/settlement-instructions", party=OTHER_BROKER)
    kept = (
        "party",
        "place_of_settlement",
        "currency",
        "agent_bic",
        "cash_account",
        "effective_from",
        "active",
    )
    changed = {**{name: row[name] for name in kept}, "safekeeping_account": "S-9"}
    made = await firm.put("/reference/settlement-instructions", json={"rows": [changed]})
    assert made.json()["proposed"] == 1, made.text
    (proposal,) = await every_item(firm, "/approvals", status="PROPOSED")
    client = limited(Scope(frozenset(BOOKS.values()), frozenset(BOOKS)))
    path = f"/approvals/{proposal['approval_id']}"
    assert await every_item(client, "/approvals") == []
    answers = [
        await client.get(path),
        await client.post(f"{path}/approve", json={}),
        await client.post(f"{path}/reject", json={"reason": "no"}),
        await client.post(f"{path}/withdraw", json={}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (await firm.get(path)).json()["status"] == "PROPOSED"
