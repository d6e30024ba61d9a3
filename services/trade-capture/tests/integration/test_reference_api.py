"""Reference data over HTTP, on a real database. Tests share it: each keeps to records of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from backoffice_chassis import Role
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    as_caller,
    client_for,
    unguarded_routes,
)
from trade_capture.main import MIGRATIONS, TradeCaptureSettings, build

pytestmark = pytest.mark.integration

APPLE = {
    "isin": "US0378331005",
    "mic": "XNAS",
    "name": "Apple Inc.",
    "cfi": "ESVUFR",
    "instrument_type": "EQUITY",
    "currency": "USD",
    "reference_price": "210.50",
    "price_date": "2026-11-20",
}
CALENDAR = {
    "calendar": "US",
    "name": "US securities",
    "valid_from": "2026-01-01",
    "valid_to": "2026-12-31",
    "closures": ["2026-11-26", "2026-12-25"],
}
CYCLE = {
    "mic": "XNAS",
    "instrument_type": "EQUITY",
    "effective_from": "2024-05-28",
    "days": 1,
    "settlement_calendar": "MOON",
    "place_of_settlement": "DTCYUS33XXX",
}
CHECKER = as_caller("checker", Role.OPERATIONS)


@pytest.fixture(scope="module")
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(MIGRATIONS)


@pytest.fixture(scope="module")
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    settings = TradeCaptureSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "maker", Role.OPERATIONS) as client:
        yield client


async def load(client: httpx.AsyncClient, kind: str, *rows: Any) -> dict[str, Any]:
    content, headers = json.dumps({"rows": rows}), {"Content-Type": "application/json"}
    answer = await client.put(f"/reference/{kind}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_no_route_answers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


async def test_only_operations_may_load(app: FastAPI) -> None:
    async with client_for(app, "trader", Role.FRONT_OFFICE) as client:
        answer = await client.put("/reference/instruments", json={"rows": [APPLE]})
    assert answer.status_code == 403


async def test_what_was_loaded_is_listed_and_read(client: httpx.AsyncClient) -> None:
    assert (await load(client, "instruments", APPLE))["changed"] == 1
    listed = (await client.get("/reference/instruments", params={"mic": "XNAS", "active": "true"})).json()
    assert [item["isin"] for item in listed["items"]] == [APPLE["isin"]]
    read = await client.get("/reference/instruments/US0378331005/XNAS")
    assert (read.headers["ETag"], read.json()["reference_price"]) == ('"1"', "210.5000000000")


async def test_every_fault_of_a_row_is_named_and_the_others_are_taken(client: httpx.AsyncClient) -> None:
    rows: list[Any] = [
        {**APPLE, "isin": "US0378331004", "mic": "QQQQ"},
        {**APPLE, "reference_price": "NaN", "colour": "red"},
        "not an object",
        None,
        {**APPLE, "name": "x\u0000y"},
        {**APPLE, "mic": "ARCX"},
    ]
    outcome = await load(client, "instruments", *rows)
    assert outcome["changed"] == 1
    named = [(row["row"], sorted(error["field"] for error in row["errors"])) for row in outcome["refused"]]
    assert named == [
        (0, ["isin", "mic"]),
        (1, ["colour", "reference_price"]),
        (2, [""]),
        (3, [""]),
        (4, ["name"]),
    ]


@pytest.mark.parametrize(
    ("kind", "row", "field"),
    [
        ("settlement-cycles", {"effective_from": 0}, "effective_from"),
        ("settlement-cycles", {"days": True}, "days"),
        ("settlement-cycles", {"days": 10**30}, "days"),
        ("instruments", {"active": "yes"}, "active"),
        ("instruments", {"reference_price": 10**30}, "reference_price"),
        ("instruments", {"name": ["Apple"]}, "name"),
        ("calendars", {"valid_to": "9999-12-31"}, "valid_to"),
        ("calendars", {"closures": ["2026-12-25", "2026-11-26"]}, "closures"),
        ("calendars", {"closures": "2026-12-25"}, "closures"),
    ],
)
async def test_values_are_not_guessed_at(
    client: httpx.AsyncClient, kind: str, row: dict[str, Any], field: str
) -> None:
    rows: dict[str, dict[str, Any]] = {
        "instruments": APPLE,
        "calendars": CALENDAR,
        "settlement-cycles": CYCLE,
    }
    [refused] = (await load(client, kind, {**rows[kind], **row}))["refused"]
    assert [error["field"] for error in refused["errors"]] == [field]


async def test_a_load_of_more_rows_than_allowed_is_refused_whole(client: httpx.AsyncClient) -> None:
    answer = await client.put("/reference/instruments", json={"rows": [APPLE] * 5001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/body/rows"


async def test_a_change_needs_the_version_last_read(client: httpx.AsyncClient) -> None:
    path = "/reference/instruments/US0378331005/BATS"
    stated = {**APPLE, "mic": "BATS"}
    assert (await client.put(path, json=stated)).status_code == 201
    renamed = {**stated, "name": "Apple"}
    assert (await client.put(path, json=renamed)).status_code == 428
    changed = await client.put(path, json=renamed, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (await client.put(path, json=stated, headers={"If-Match": '"1"'})).status_code == 412


async def test_every_version_can_be_read_with_who_recorded_it(client: httpx.AsyncClient) -> None:
    stated = {**APPLE, "mic": "XASE"}
    for name in ("Apple", "Apple Inc.", "Apple Inc."):
        await load(client, "instruments", {**stated, "name": name})
    versions = (await client.get("/reference/instruments/US0378331005/XASE/versions")).json()["items"]
    assert [(each["record"]["version"], each["record"]["name"]) for each in versions] == [
        (1, "Apple"),
        (2, "Apple Inc."),
    ]
    assert {each["recorded_by"] for each in versions} == {"maker"}


async def test_loads_at_the_same_time_make_versions_one_after_another(
    client: httpx.AsyncClient, database_url: str
) -> None:
    stated = {**APPLE, "isin": "US5949181045"}
    names = [f"Microsoft {number}" for number in range(8)]
    await asyncio.gather(*[load(client, "instruments", {**stated, "name": name}) for name in names])
    versions = (await client.get("/reference/instruments/US5949181045/XNAS/versions")).json()["items"]
    assert [each["record"]["version"] for each in versions] == list(range(1, 9))
    assert {each["record"]["name"] for each in versions} == set(names)
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        query = text("SELECT payload FROM outbox WHERE aggregateid = 'US5949181045:XNAS' ORDER BY seq")
        left = [json.loads(payload)["version"] for payload in (await connection.scalars(query)).all()]
    await engine.dispose()
    assert left == list(range(1, 9))


async def test_a_cycle_on_an_unknown_calendar_is_refused(client: httpx.AsyncClient) -> None:
    [refused] = (await load(client, "settlement-cycles", CYCLE))["refused"]
    assert refused["errors"][0]["field"] == "settlement_calendar"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reference/instruments/US0378331005/XNYS", 404),
        ("/reference/instruments/%00/XNAS", 404),
        ("/reference/instruments/US0378331005/XNYS/versions", 404),
        ("/reference/settlement-cycles/XNAS/EQUITY/yesterday", 404),
        ("/reference/instruments?active=perhaps", 422),
        ("/reference/instruments?isin=%00", 422),
        ("/reference/instruments?cursor=nonsense", 422),
        ("/approvals?status=LOST", 422),
    ],
)
async def test_unknown_keys_and_bad_filters_are_problems(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


SSI = {
    "party": "549300HBJLRO8YFMI370",
    "place_of_settlement": "DTCYUS33XXX",
    "currency": "USD",
    "agent_bic": "IRVTUS3NXXX",
    "safekeeping_account": "S-1",
    "cash_account": "C-1",
    "effective_from": "2026-01-01",
}


async def test_four_eyes_see_each_change_of_a_settlement_instruction(client: httpx.AsyncClient) -> None:
    assert (await load(client, "settlement-instructions", SSI))["changed"] == 1
    assert (await load(client, "settlement-instructions", {**SSI, "cash_account": "C-2"}))["proposed"] == 1
    filters = {"kind": "settlement-instruction-change", "status": "PROPOSED"}
    proposed = (await client.get("/approvals", params=filters)).json()["items"]
    [waiting] = [each for each in proposed if each["object_id"] == "549300HBJLRO8YFMI370/DTCYUS33XXX/USD"]
    approve = f"/approvals/{waiting['approval_id']}/approve"
    assert (await client.post(approve, json={})).status_code == 403
    assert (await client.post(approve, json={}, headers=CHECKER)).json()["status"] == "APPROVED"
    assert (await client.post(approve, json={}, headers=CHECKER)).status_code == 409
    item = "/reference/settlement-instructions/549300HBJLRO8YFMI370/DTCYUS33XXX/USD"
    assert (await client.get(item)).json()["cash_account"] == "C-2"


async def test_no_account_stands_in_the_audit_log_in_clear(client: httpx.AsyncClient) -> None:
    await load(
        client, "settlement-instructions", {**SSI, "currency": "EUR", "cash_account": "SECRET-ACCOUNT"}
    )
    await load(client, "settlement-instructions", {**SSI, "currency": "EUR", "cash_account": "SECRET-TOO"})
    entries = await client.get(
        "/audit/entries", headers=as_caller("anna", Role.AUDITOR), params={"limit": 1000}
    )
    assert "settlement-instructions" in entries.text
    assert "masked:" in entries.text
    assert "SECRET" not in entries.text


async def test_the_business_day_is_opened_rolled_and_closed(client: httpx.AsyncClient) -> None:
    await load(client, "calendars", CALENDAR)
    day = "/reference/business-days/US"
    opened = await client.post(f"{day}/open", json={"business_date": "2026-11-25"})
    assert (opened.status_code, opened.json()["status"]) == (200, "OPEN")
    assert (await client.post(f"{day}/roll", json={})).json()["business_date"] == "2026-11-27"
    back = await client.post(f"{day}/close", json={"business_date": "2026-11-25"})
    assert (back.status_code, back.json()["type"]) == (409, "/problems/business-day-refused")
    [listed] = (await client.get("/reference/business-days")).json()["items"]
    assert (listed["business_date"], listed["version"]) == ("2026-11-27", 3)


async def test_a_day_on_no_calendar_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/reference/business-days/MOON/open", json={"business_date": "2026-11-25"})
    assert answer.status_code == 404
    assert (await client.post("/reference/business-days/MOON/roll", json={})).status_code == 404


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert "/reference/instruments/{isin}/{mic}" in paths


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 10**30, "", " ", "\0", "x" * 5_000, "\ud800", "'; --", "NaN", "Infinity"),
    *([], {}, ["2024-01-08"], {"a": 1}, "9999-12-31", "0001-01-01", "2024-02-30", "1e400"),
]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("instruments", APPLE),
        ("counterparties", {"lei": SSI["party"], "name": "DTC", "bic": "DTCYUS33XXX", "country": "US"}),
        ("books", {"book": "B1", "name": "B", "entity_lei": SSI["party"], "measurement": "FVTPL"}),
        ("settlement-instructions", SSI),
        ("settlement-cycles", CYCLE),
        ("calendars", {**CALENDAR, "calendar": "HOSTILE"}),
    ],
)
async def test_no_value_whatsoever_is_a_defect_of_ours(
    client: httpx.AsyncClient, kind: str, row: dict[str, Any]
) -> None:
    rows = [{**row, field: value} for field in row for value in HOSTILE]
    rows += [{**row, field: 1} for field in ("", "\0", "\ud800", "x" * 5_000)]
    outcome = await load(client, kind, *rows)
    taken = outcome["changed"] + outcome["unchanged"] + outcome["proposed"]
    assert taken + len(outcome["refused"]) == len(rows)
