"""Trades, the repair queue and confirmations over HTTP, on a real database. Each test names trades of its own."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from backoffice_chassis import Role
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    as_caller,
    client_for,
    engine_for,
    unguarded_routes,
)
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import Batch, Transactions, UnitOfWork
from trade_capture.confirmation import handlers as confirmations
from trade_capture.main import MIGRATIONS, TradeCaptureSettings, build
from trade_capture.reference.cache import ReferenceCache
from trade_capture.testing import (
    APPLE,
    BROKER,
    NOW,
    OTHER_BROKER,
    TREASURY,
    confirming,
    corrected,
    executed,
    load_world,
)
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer

pytestmark = pytest.mark.integration

_numbers = count(1)
Body = dict[str, Any]


@pytest.fixture(scope="module")
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(MIGRATIONS)


@pytest.fixture(scope="module")
async def transactions(database_url: str) -> AsyncIterator[Transactions]:
    engine = engine_for(database_url)
    transactions = Transactions(engine, source="urn:test", clock=lambda: NOW)
    async with transactions.begin() as unit:
        await load_world(unit)
    yield transactions
    await engine.dispose()


@pytest.fixture(scope="module")
async def app(database_url: str, transactions: Transactions) -> AsyncIterator[FastAPI]:
    settings = TradeCaptureSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock(NOW))) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "olga", Role.OPERATIONS) as client:
        yield client


def stated(reference: str | None = None, **changes: Any) -> Body:
    body: Body = msgspec.to_builtins(executed(reference or f"H-{next(_numbers)}"))
    del body["settlement_date"], body["accrued_interest"]
    return {**body, **changes}


async def post(
    client: httpx.AsyncClient, path: str, body: Mapping[str, Any], **headers: str
) -> httpx.Response:
    return await client.post(path, json=body, headers=headers)


async def take(transactions: Transactions, *events: Event) -> None:
    async with transactions.begin() as unit:
        batch = _batch(unit, events)
        await TradeConsumer(Capture(ReferenceCache(), max_trade_age=10, max_settlement_lag=90)).handle(batch)


async def confirm(transactions: Transactions, *events: Event) -> None:
    async with transactions.begin() as unit:
        await confirmations.handle(_batch(unit, events))


def _batch(unit: UnitOfWork, events: tuple[Event, ...]) -> Batch:
    return Batch.of(unit.connection, events, now=unit.now)


async def test_no_route_answers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


async def test_a_posted_trade_is_captured_and_its_resend_recognised(client: httpx.AsyncClient) -> None:
    body = stated()
    first = await post(client, "/trades", body)
    assert (first.status_code, first.json()["result"]) == (201, "CAPTURED"), first.text
    again = await post(client, "/trades", {**body, "quantity": "100.0"})
    assert (again.status_code, again.json()["result"]) == (200, "RESENT")
    assert again.json()["trade_id"] == first.json()["trade_id"]


async def test_another_content_under_a_used_version_is_a_conflict(client: httpx.AsyncClient) -> None:
    body = stated()
    await post(client, "/trades", body)
    answer = await post(client, "/trades", {**body, "quantity": "7"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflicting-resend")


async def test_a_value_that_makes_no_sense_is_named_with_all_else_that_is_wrong(
    client: httpx.AsyncClient,
) -> None:
    faults = {
        "quantity": "-1",
        "price": "0",
        "isin": "US0378331006",
        "book": "NONE",
        "trader": "NOBODY",
        "counterparty_lei": "549300ZK53CNGEEI6A28",
        "charges": [{"type": "COMMISSION", "amount": "-1"}],
    }
    answer = await post(client, "/trades", stated(**faults))
    assert answer.status_code == 422
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"/body/charges/0/amount", *(f"/body/{name}" for name in faults if name != "charges")}


async def test_what_cannot_be_read_is_named_where_it_was_sent(client: httpx.AsyncClient) -> None:
    unread = {"quantity": "many", "charges": [{"type": "COMMISSION"}]}
    answer = await post(client, "/trades", {"action": "CORRECT", **stated(version=2), **unread})
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"/body/quantity", "/body/charges/0/amount"}


async def test_every_field_at_fault_is_named(client: httpx.AsyncClient) -> None:
    body = stated(isin="US0378331004", book="NOPE", trader="NOBODY", trade_date="2027-01-04")
    answer = await post(client, "/trades", body)
    assert answer.status_code == 422
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"/body/isin", "/body/book", "/body/trader", "/body/executed_at", "/body/trade_date"}


async def test_what_is_not_in_form_is_named_with_what_makes_no_sense(client: httpx.AsyncClient) -> None:
    faults = {"price": "-1", "isin": "US0000000000", "book": " NOPE ", "trader": "NOBODY", "colour": 1}
    body = {**stated(counterparty_lei="529900HNOAA1KXQJUQ27", settlement_date="soon", **faults)}
    del body["quantity"]
    answer = await post(client, "/trades", body)
    assert answer.status_code == 422
    named = sorted((error["field"], error["code"]) for error in answer.json()["errors"])
    assert named == [
        ("/body/book", "unknown_book"),
        ("/body/colour", "extra_forbidden"),
        ("/body/counterparty_lei", "unknown_counterparty"),
        ("/body/isin", "unknown_instrument"),
        ("/body/price", "invalid_price"),
        ("/body/quantity", "missing"),
        ("/body/settlement_date", "value_error"),
        ("/body/trader", "unknown_trader"),
    ]
    listed = await client.get("/repairs", params={"trade_reference": body["trade_reference"]})
    assert listed.json()["items"] == []


async def test_a_row_in_repair_has_every_reason_at_once_and_so_it_has_after_a_fix(
    client: httpx.AsyncClient,
) -> None:
    body = stated(price="-1", isin="US0000000000", book="NOPE", trader="NOBODY", quantity=[1])
    row = (await post(client, "/trades/bulk", {"trades": [body]})).json()["rows"][0]
    expected = {
        "MALFORMED_FIELD",
        "UNKNOWN_INSTRUMENT",
        "UNKNOWN_BOOK",
        "UNKNOWN_TRADER",
        "INVALID_PRICE",
    }
    assert {reason["code"] for reason in row["reasons"]} == expected
    fix = {"changes": {"isin": APPLE, "quantity": "many", "trade_date": "2026-11-22"}}
    path = f"/repairs/{row['repair_id']}/resubmit"
    answer = (await post(client, path, fix, **{"If-Match": '"1"'})).json()
    expected = expected - {"UNKNOWN_INSTRUMENT"} | {"INVALID_TRADE_DATE"}
    assert {reason["code"] for reason in answer["reasons"]} == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "NaN"),
        ("quantity", "-1"),
        ("quantity", "1" + "0" * 40),
        ("price", 0),
        ("price", "1e400"),
        ("side", "SIDEWAYS"),
        ("trade_date", "soon"),
        ("executed_at", "2026-11-23T14:30:00"),
        ("executed_at", 1_700_000_000),
        ("trade_date", 0),
        ("version", "1"),
        ("version", 2),
        ("book", "x" * 141),
        ("book", "nul\u0000"),
        ("charges", [{"type": "BRIBE", "amount": "1"}]),
    ],
)
async def test_a_malformed_field_is_a_problem_that_names_it(
    client: httpx.AsyncClient, field: str, value: Any
) -> None:
    answer = await post(client, "/trades", stated(**{field: value}))
    assert answer.status_code == 422
    named = [error["field"].split("/") for error in answer.json()["errors"]]
    assert named
    assert all(field in path for path in named)


async def test_a_correction_and_a_cancellation_make_new_versions(client: httpx.AsyncClient) -> None:
    body = stated()
    trade_id = (await post(client, "/trades", body)).json()["trade_id"]
    correction = {**body, "action": "CORRECT", "version": 2, "quantity": "50"}
    assert (await post(client, "/trades", correction)).json()["result"] == "AMENDED"
    identity = {name: body[name] for name in ("source_system", "trade_reference")}
    bust = {**identity, "action": "CANCEL", "version": 3, "reason": "never was"}
    assert (await post(client, "/trades", bust)).json()["version"] == 3
    told = (await client.get(f"/trades/{trade_id}")).json()
    assert told["trade"]["status"] == "CANCELLED"
    assert [event["event"] for event in told["history"]] == ["CAPTURED", "AMENDED", "CANCELLED"]
    assert {event["by"] for event in told["history"]} == {"olga"}


async def test_a_version_before_its_predecessor_waits_and_is_told_so(client: httpx.AsyncClient) -> None:
    body = stated()
    answer = await post(client, "/trades", {**body, "action": "CORRECT", "version": 2, "quantity": "50"})
    assert (answer.status_code, answer.json()["result"]) == (202, "WAITING")
    captured = (await post(client, "/trades", body)).json()
    trade = (await client.get(f"/trades/{captured['trade_id']}")).json()["trade"]
    assert (trade["version"], trade["quantity"]) == (2, "50")
    shown = (await client.get(f"/repairs/{answer.json()['repair_id']}")).json()
    assert [step["action"] for step in shown["history"]] == ["RECEIVED", "RETRIED"]
    assert shown["entry"]["status"] == "RESOLVED"


async def test_a_field_at_fault_is_named_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = await post(
        client, "/trades", {**stated(), "quantity": [1], "charges": [{"amount": "1"}], "colour": 1}
    )
    assert {error["field"] for error in answer.json()["errors"]} == {
        "/body/quantity",
        "/body/charges/0/type",
        "/body/colour",
    }


async def test_a_bulk_takes_good_rows_and_queues_the_others(client: httpx.AsyncClient) -> None:
    rows = [stated(), stated(book="NOPE"), stated(quantity=[1]), "no object", {"action": "NEW"}]
    answer = (await post(client, "/trades/bulk", {"trades": rows})).json()
    assert answer["results"] == {"CAPTURED": 1, "IN_REPAIR": 2, "UNIDENTIFIABLE": 2}
    shown = (await client.get(f"/repairs/{answer['rows'][2]['repair_id']}")).json()
    assert shown["entry"]["submitted_by"] == "olga"
    assert shown["entry"]["reasons"][0]["field"] == "quantity"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 10**60),
        ("quantity", "1e400"),
        ("book", "\ud800"),
        ("book", "\0"),
        ("charges", [[[[]]]]),
        ("executed_at", "0001-01-01T00:00:00+14:00"),
        ("trade_date", "9999-12-31"),
        ("price", {"deep": "nonsense"}),
        ("extra", "ignored"),
    ],
)
async def test_whatever_a_row_holds_what_is_queued_can_be_shown(
    client: httpx.AsyncClient, field: str, value: Any
) -> None:
    content = json.dumps({"trades": [stated(**{field: value}, trader="?")]}).encode()
    answer = await client.post("/trades/bulk", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    if row["repair_id"] is None:
        assert row["result"] == "UNIDENTIFIABLE"
        return
    shown = await client.get(f"/repairs/{row['repair_id']}")
    assert shown.status_code == 200
    assert base64.b64decode(shown.json()["original_base64"])
    listed = await client.get(
        "/repairs", params={"trade_reference": shown.json()["entry"]["trade_reference"]}
    )
    assert listed.json()["items"][0]["reasons"] == shown.json()["entry"]["reasons"]


async def test_a_bottomless_row_is_dealt_with(client: httpx.AsyncClient) -> None:
    deep = json.dumps(stated(trader="?"))[:-1] + ', "charges": ' + "[" * 900 + "]" * 900 + "}"
    content = f'{{"trades": [{deep}]}}'.encode()
    answer = await client.post("/trades/bulk", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 422}
    for row in answer.json().get("rows", ()):
        if row["repair_id"]:
            assert (await client.get(f"/repairs/{row['repair_id']}")).status_code == 200


async def test_a_fixed_entry_is_taken_in_under_its_own_identity(client: httpx.AsyncClient) -> None:
    body = stated(book="NOPE")
    row = (await post(client, "/trades/bulk", {"trades": [body]})).json()["rows"][0]
    path = f"/repairs/{row['repair_id']}"
    read = await client.get(path)
    tag = {"If-Match": read.headers["ETag"]}
    renamed = await post(client, f"{path}/resubmit", {"changes": {"trade_reference": "X"}}, **tag)
    assert (renamed.status_code, renamed.json()["errors"][0]["field"]) == (
        422,
        "/body/changes/trade_reference",
    )
    assert (await post(client, f"{path}/resubmit", {"changes": {"book": "EQ-1"}})).status_code == 428
    still_wrong = await post(client, f"{path}/resubmit", {"changes": {"book": "NEITHER"}}, **tag)
    assert still_wrong.json()["result"] == "IN_REPAIR"
    fix = {"changes": {"book": "EQ-1"}, "comment": "the desk's new book"}
    assert (await post(client, f"{path}/resubmit", fix, **tag)).status_code == 412
    fixed = await post(client, f"{path}/resubmit", fix, **{"If-Match": '"2"'})
    assert fixed.json()["result"] == "CAPTURED"
    told = (await client.get(f"/trades/{fixed.json()['trade_id']}")).json()
    assert told["trade"]["repaired"] is True
    assert told["trade"]["trade_reference"] == body["trade_reference"]
    assert (await post(client, f"{path}/resubmit", {})).status_code == 409
    resent = await post(client, "/trades/bulk", {"trades": [body]})
    assert resent.json()["rows"][0]["result"] == "RESENT"


async def test_entries_with_a_reason_are_judged_again_together(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    lei = "5493001KJTIIGC8Y1R12"
    rows = [stated(counterparty_lei=lei, source_system="BULK") for _ in range(3)]
    await post(client, "/trades/bulk", {"trades": rows})
    which = {"reason_code": "UNKNOWN_COUNTERPARTY", "source_system": "BULK"}
    judged = (await post(client, "/repairs/resubmit", which)).json()
    assert (judged["results"], judged["remaining"]) == ({"IN_REPAIR": 3}, 3)
    counterparty = {"lei": lei, "name": "New broker", "bic": "CHASUS33XXX", "country": "US"}
    loaded = await client.put("/reference/counterparties", json={"rows": [counterparty]})
    assert loaded.json()["changed"] == 1, loaded.text
    await post(client, "/repairs/resubmit", which)
    which["reason_code"] = "MISSING_SETTLEMENT_INSTRUCTION"
    judged = (await post(client, "/repairs/resubmit", which)).json()
    assert judged["results"] == {"IN_REPAIR": 3}


async def test_entries_that_cannot_be_taken_in_keep_no_later_one_from_being_judged_again(
    database_url: str, client: httpx.AsyncClient
) -> None:
    first, second = (
        stated(book="QUEUE-1", source_system="QUEUE"),
        stated(book="QUEUE-2", source_system="QUEUE"),
    )
    await post(client, "/trades/bulk", {"trades": [first, second]})
    which = {"reason_code": "UNKNOWN_BOOK", "source_system": "QUEUE", "limit": 1}
    clock = FixedClock(NOW)
    settings = TradeCaptureSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, clock)) as app, client_for(app, "olga", Role.OPERATIONS) as later:
        clock.advance(timedelta(minutes=1))
        once = (await post(later, "/repairs/resubmit", which)).json()["entries"]
        clock.advance(timedelta(minutes=1))
        twice = (await post(later, "/repairs/resubmit", which)).json()["entries"]
    assert len({each["repair_id"] for each in once + twice}) == 2


async def test_a_rejected_version_makes_room_for_another_content(client: httpx.AsyncClient) -> None:
    body = stated(book="NOPE")
    row = (await post(client, "/trades/bulk", {"trades": [body]})).json()["rows"][0]
    later = {**body, "book": "EQ-1", "action": "CORRECT", "version": 2}
    assert (await post(client, "/trades", later)).json()["result"] == "WAITING"
    path = f"/repairs/{row['repair_id']}"
    rejected = await post(client, f"{path}/reject", {"reason": "not ours"}, **{"If-Match": '"1"'})
    assert rejected.json()["entry"]["status"] == "REJECTED"
    assert rejected.json()["history"][-1]["comment"] == "not ours"
    listed = (await client.get("/trades", params={"trade_reference": body["trade_reference"]})).json()
    assert [(each["version"], each["source_version"]) for each in listed["items"]] == [(1, 2)]


async def test_the_front_office_reads_its_own_entries_and_works_none(app: FastAPI) -> None:
    async with client_for(app, "frida", Role.FRONT_OFFICE) as frida:
        row = (await post(frida, "/trades/bulk", {"trades": [stated(book="NOPE")]})).json()["rows"][0]
        assert (await frida.get(f"/repairs/{row['repair_id']}")).status_code == 200
        assert (await post(frida, f"/repairs/{row['repair_id']}/resubmit", {})).status_code == 403
    async with client_for(app, "EQ", Role.FRONT_OFFICE) as system:
        assert (await system.get(f"/repairs/{row['repair_id']}")).status_code == 200
        assert row["repair_id"] in (await system.get("/repairs", params={"limit": 1000})).text
    async with client_for(app, "fritz", Role.FRONT_OFFICE) as fritz:
        assert (await fritz.get(f"/repairs/{row['repair_id']}")).status_code == 403
        assert row["repair_id"] not in (await fritz.get("/repairs")).text


async def test_a_mismatch_is_shown_and_somebody_with_the_role_accepts_it(
    client: httpx.AsyncClient, app: FastAPI, transactions: Transactions
) -> None:
    trade = await _captured(client)
    await confirm(
        transactions, confirming(trade, net_amount=trade.net_amount + 5, settlement_date=trade.trade_date)
    )
    shown = (await client.get(f"/trades/{trade.trade_id}")).json()["trade"]
    assert shown["confirmation_status"] == "MISMATCHED"
    assert [each["field"] for each in shown["differences"]] == ["settlement_date", "net_amount"]
    which = {"trade_reference": trade.trade_reference}
    (sent,) = (await client.get("/confirmations", params=which)).json()["items"]
    assert sent["status"] == "MISMATCHED"
    path, word = f"/confirmations/{sent['confirmation_id']}/accept", {"trade_version": 1, "reason": "agreed"}
    refused = await client.post(path, json=word, headers=as_caller("frida", Role.FRONT_OFFICE))
    assert refused.status_code == 403
    assert (await post(client, path, {**word, "trade_version": 2})).status_code == 409
    accepted = (await post(client, path, word)).json()
    assert (accepted["confirmation_status"], accepted["accepted_by"]) == ("CONFIRMED", "olga")
    assert (await post(client, path, word)).status_code == 409
    history = (await client.get(f"/trades/{trade.trade_id}")).json()["history"]
    assert {"MISMATCHED", "CONFIRMATION_ACCEPTED", "CONFIRMED"} <= {event["event"] for event in history}


async def test_a_confirmation_without_a_trade_stays_visible_as_alleged(
    client: httpx.AsyncClient, transactions: Transactions
) -> None:
    trade = await _captured(client)
    await confirm(transactions, confirming(trade, trade_reference="NEVER-CAME"))
    which = {"status": "ALLEGED", "trade_reference": "NEVER-CAME"}
    (sent,) = (await client.get("/confirmations", params=which)).json()["items"]
    assert (sent["trade_reference"], sent["trade_id"]) == ("NEVER-CAME", None)


async def test_another_partys_confirmation_stands_for_nothing_though_its_reference_is_the_same(
    client: httpx.AsyncClient, transactions: Transactions
) -> None:
    trade = await _captured(client)
    own = confirming(trade, confirmation_reference="SAME")
    other = confirming(trade, confirmation_reference="SAME", counterparty_lei=OTHER_BROKER, price=Decimal(1))
    await confirm(transactions, own, other)
    which = {"trade_reference": trade.trade_reference}
    listed = (await client.get("/confirmations", params=which)).json()["items"]
    assert {each["counterparty_lei"]: each["status"] for each in listed} == {
        BROKER: "CONFIRMED",
        OTHER_BROKER: "ALLEGED",
    }


async def test_unconfirmed_trades_are_found_by_their_age(client: httpx.AsyncClient) -> None:
    trade = await _captured(client)
    friday = stated(trade_date="2026-11-20", executed_at="2026-11-20T15:00:00Z")
    old = (await post(client, "/trades", friday)).json()["trade_id"]
    for days, expected in ((0, {old, trade.trade_id}), (1, {old}), (2, set())):
        answer = await client.get("/trades", params={"unconfirmed_for_days": days, "limit": 1000})
        found = {each["trade_id"] for each in answer.json()["items"]}
        assert found & {old, trade.trade_id} == expected


async def test_a_list_is_filtered_and_paged(client: httpx.AsyncClient) -> None:
    await post(client, "/trades/bulk", {"trades": [stated(source_system="PAGED") for _ in range(3)]})
    params: Body = {"source_system": "PAGED", "isin": APPLE, "counterparty_lei": BROKER, "limit": 2}
    first = (await client.get("/trades", params=params)).json()
    second = (await client.get("/trades", params={**params, "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)
    assert (await client.get("/trades", params={"status": "LOST"})).status_code == 422


async def test_stp_is_measured_by_count_and_by_value(
    client: httpx.AsyncClient, transactions: Transactions
) -> None:
    day = {"trade_date": "2026-11-17", "executed_at": "2026-11-17T15:00:00Z"}
    rows = [stated(**day), stated(**day), stated(**day, book="NOPE")]
    done = (await post(client, "/trades/bulk", {"trades": rows})).json()["rows"]
    state = (await client.get(f"/trades/{done[0]['trade_id']}")).json()["state"]
    await confirm(transactions, confirming(msgspec.convert(state, type=Trade)))
    params = {"trade_date_from": "2026-11-17", "trade_date_to": "2026-11-17"}
    measured = (await client.get("/stp-metrics", params=params)).json()
    counts = {name: each["count"] for name, each in measured["measures"].items()}
    assert counts == {
        "received": 3,
        "captured": 2,
        "entered": 2,
        "repaired": 1,
        "confirmed": 1,
        "straight_through": 1,
    }
    assert measured["rates"]["entry"] == {"count": "0.666667", "value": {"USD": "0.666667"}}
    assert measured["rates"]["confirmation"]["count"] == "0.5"


async def test_what_is_in_repair_is_measured_on_its_trade_date_by_its_gross_amount(
    client: httpx.AsyncClient,
) -> None:
    day = {"trade_date": "2026-11-16", "executed_at": "2026-11-16T15:00:00Z"}
    bond = {"isin": TREASURY, "quantity": "10000", "price": "99.5", "accrued_interest": "10"}
    rows = [stated(**day), stated(**day, side="SIDEWAYS"), stated(**day, **bond, trader=7), stated(**day)]
    del rows[3]["quantity"]
    done = (await post(client, "/trades/bulk", {"trades": rows})).json()
    assert done["results"] == {"CAPTURED": 1, "IN_REPAIR": 3}
    params = {"trade_date_from": "2026-11-16", "trade_date_to": "2026-11-16"}
    measured = (await client.get("/stp-metrics", params=params)).json()["measures"]
    assert measured["captured"] == {"count": 1, "value": {"USD": "21050.00"}}
    assert measured["received"] == {"count": 4, "value": {"USD": "52050.00"}}


async def test_the_control_extract_names_every_trade_and_entry(client: httpx.AsyncClient) -> None:
    body = stated(book="NOPE")
    await post(client, "/trades/bulk", {"trades": [body, stated("CONTROLLED")]})
    trades = (await client.get("/control/trades", params={"limit": 1000})).json()["items"]
    assert "CONTROLLED" in {each["trade_reference"] for each in trades}
    repairs = (await client.get("/control/repairs", params={"limit": 1000})).json()["items"]
    assert body["trade_reference"] in {each["trade_reference"] for each in repairs}


async def test_the_control_extract_tells_the_last_record_that_a_trade_came_by(
    client: httpx.AsyncClient, transactions: Transactions
) -> None:
    await take(transactions, executed("BY-TOPIC"), corrected("BY-TOPIC", quantity=Decimal(7)))
    await post(client, "/trades", stated("BY-TOPIC", action="CORRECT", version=3, quantity="8"))
    await post(client, "/trades", stated("BY-HTTP"))
    first = (await client.get("/control/trades", params={"limit": 1})).json()
    rest = (
        await client.get("/control/trades", params={"limit": 1000, "cursor": first["next_cursor"]})
    ).json()
    found = {each["trade_reference"]: each for each in (*first["items"], *rest["items"])}
    told = ("source_version", "partition", "record_offset", "recorded_at")
    assert [found["BY-TOPIC"][name] for name in told] == [3, 0, 1, "2026-11-23T15:00:00Z"]
    assert [found["BY-HTTP"][name] for name in told] == [1, None, None, None]


@pytest.mark.parametrize(
    ("rule", "numbers", "status"),
    [
        ("PTOL", {"percentage": "0.5"}, 201),
        ("PTOL", {"units": "1"}, 422),
        ("EXCT", {}, 201),
        ("NUFM", {}, 422),
    ],
)
async def test_a_tolerance_carries_the_numbers_of_its_rule(
    client: httpx.AsyncClient, rule: str, numbers: Body, status: int
) -> None:
    tolerance = {"field": "price", "effective_from": "2030-01-01", "rule": rule, **numbers}
    assert (await post(client, "/tolerances", tolerance)).status_code == status


@pytest.mark.parametrize("path", ["/trades/nonsense", "/repairs/%00", "/trades?cursor=x", "/stp-metrics"])
async def test_nonsense_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 422


async def _captured(client: httpx.AsyncClient) -> Trade:
    trade_id = (await post(client, "/trades", stated())).json()["trade_id"]
    state = (await client.get(f"/trades/{trade_id}")).json()["state"]
    trade: Trade = msgspec.convert(state, type=Trade)
    assert trade.executed_at == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    return trade
