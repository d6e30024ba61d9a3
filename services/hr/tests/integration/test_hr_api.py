"""Employees over HTTP, on a real database. Tests share it: each hires people of its own."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
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
from hr.main import MIGRATIONS, HrSettings, build

pytestmark = pytest.mark.integration

AUDITOR = as_caller("auditor", Role.AUDITOR)


def hiring(employee_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "employee_id": employee_id,
        "given_name": "Mary",
        "family_name": "Smith",
        "date_of_birth": "1990-02-03",
        "department": "Trading",
        "hired_on": "2024-01-08",
        "licences": [{"product": "EQUITY", "valid_from": "2024-01-08"}],
        **changes,
    }


@pytest.fixture(scope="module")
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(MIGRATIONS)


@pytest.fixture(scope="module")
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    settings = HrSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "officer", Role.HR) as client:
        yield client


async def published(database_url: str, employee_id: str) -> list[str]:
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        query = text("SELECT type, payload FROM outbox WHERE aggregateid = :key ORDER BY seq")
        found = (await connection.execute(query, {"key": employee_id})).all()
    await engine.dispose()
    assert not any(b"Smith" in bytes(row.payload) for row in found)
    return [row.type.removeprefix("backoffice.hr.employee-").removesuffix(".v1") for row in found]


async def test_no_route_answers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


async def test_names_are_shown_to_hr_alone(client: httpx.AsyncClient) -> None:
    hired = await client.post("/employees", json=hiring("N1"))
    assert (hired.status_code, hired.headers["ETag"], hired.json()["family_name"]) == (201, '"1"', "Smith")
    seen = await client.get("/employees/N1", headers=AUDITOR)
    masked = [seen.json()[field] for field in ("given_name", "family_name", "date_of_birth")]
    assert masked == [None, None, None]
    assert (await client.get("/employees", headers=AUDITOR)).json()["items"][0]["family_name"] is None


async def test_an_employment_from_first_to_last_day(client: httpx.AsyncClient, database_url: str) -> None:
    await client.post("/employees", json=hiring("L1"))
    steps = {
        "licences": {"product": "BOND", "valid_from": "2024-06-03"},
        "leave": {"first_day": "2025-03-03", "last_day": "2025-03-07"},
        "return": {"first_day": "2025-03-06"},
        "licences/end": {"product": "BOND", "last_day": "2025-12-31"},
        "termination": {"last_day": "2026-11-20"},
        "rehiring": {"hired_on": "2027-01-04"},
    }
    for path, body in steps.items():
        answer = await client.post(f"/employees/L1/{path}", json=body)
        assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 7
    history = (await client.get("/employees/L1/history")).json()["items"]
    assert [version["change"] for version in history] == [
        "EmployeeHired",
        "EmployeeLicensed",
        "EmployeePutOnLeave",
        "EmployeePutOnLeave",
        "EmployeeLicensed",
        "EmployeeTerminated",
        "EmployeeHired",
    ]
    assert await published(database_url, "L1") == [
        *("hired", "licensed", "put-on-leave", "put-on-leave", "licensed", "terminated", "hired")
    ]


async def test_a_leave_is_recorded_before_what_is_planned(
    client: httpx.AsyncClient, database_url: str
) -> None:
    await client.post("/employees", json=hiring("G1"))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("termination", {"last_day": "2024-12-31"}),
        ("leave", {"first_day": "2024-09-02", "last_day": "2024-09-13"}),
        ("leave", {"first_day": "2024-08-08", "last_day": "2024-08-09"}),
        ("leave", {"first_day": "2024-10-01", "last_day": "2024-12-31"}),
        ("leave", {"first_day": "2024-10-01", "last_day": "2024-12-31"}),
    ]
    for path, body in steps:
        answer = await client.post(f"/employees/G1/{path}", json=body)
        assert answer.status_code == 200, answer.text
    assert [(entry["status"], entry["effective_from"]) for entry in answer.json()["employment"]] == [
        ("EMPLOYED", "2024-01-08"),
        ("ON_LEAVE", "2024-08-08"),
        ("EMPLOYED", "2024-08-10"),
        ("ON_LEAVE", "2024-09-02"),
        ("EMPLOYED", "2024-09-14"),
        ("ON_LEAVE", "2024-10-01"),
        ("TERMINATED", "2025-01-01"),
    ]
    assert await published(database_url, "G1") == ["hired", "terminated", *["put-on-leave"] * 3]
    late = await client.post("/employees/G1/leave", json={"first_day": "2025-01-01"})
    assert late.json()["errors"][0]["field"] == "/body/first_day"
    assert "a leave is taken while employed" in late.text


async def test_a_last_day_is_moved_both_ways(client: httpx.AsyncClient) -> None:
    await client.post("/employees", json=hiring("M1"))
    for last_day, ends in (
        ("2026-11-20", "2026-11-21"),
        ("2026-12-31", "2027-01-01"),
        ("2026-10-01", "2026-10-02"),
    ):
        answer = await client.post("/employees/M1/termination", json={"last_day": last_day})
        assert answer.json()["employment"][1:] == [{"status": "TERMINATED", "effective_from": ends}]


async def test_said_twice_is_recorded_once(client: httpx.AsyncClient, database_url: str) -> None:
    for _ in range(2):
        await client.post("/employees", json=hiring("T1"))
        await client.post("/employees/T1/termination", json={"last_day": "2026-11-20"})
    assert await published(database_url, "T1") == ["hired", "terminated"]


async def test_a_number_is_given_once(client: httpx.AsyncClient) -> None:
    await client.post("/employees", json=hiring("D1"))
    answer = await client.post("/employees", json=hiring("D1", department="Sales"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/employee-known")


async def test_a_change_needs_the_version_last_read(client: httpx.AsyncClient) -> None:
    await client.post("/employees", json=hiring("C1"))
    patch = {"family_name": "Jones", "department": "Sales", "effective_from": "2024-10-01"}
    assert (await client.patch("/employees/C1", json=patch)).status_code == 428
    changed = await client.patch("/employees/C1", json=patch, headers={"If-Match": '"1"'})
    shown = changed.json()
    assert (shown["version"], shown["family_name"], shown["department"]) == (2, "Jones", "Sales")
    assert (await client.patch("/employees/C1", json=patch, headers={"If-Match": '"1"'})).status_code == 412
    again = await client.patch("/employees/C1", json=patch, headers={"If-Match": '"2"'})
    assert (again.status_code, again.json()["version"]) == (200, 2)


async def test_a_change_of_department_has_a_first_day(client: httpx.AsyncClient) -> None:
    hired = await client.post("/employees", json=hiring("E1"))
    assert hired.json()["department_from"] is None
    read = {"If-Match": '"1"'}
    undated = await client.patch("/employees/E1", json={"department": "Sales"}, headers=read)
    assert (undated.status_code, undated.json()["errors"][0]["field"]) == (422, "/body/effective_from")
    move = {"department": "Sales", "effective_from": "2024-10-01"}
    await client.patch("/employees/E1", json=move, headers=read)
    await client.post("/employees/E1/leave", json={"first_day": "2024-09-02", "last_day": "2024-09-13"})
    history = (await client.get("/employees/E1/history")).json()["items"]
    assert [(version["department"], version["department_from"]) for version in history] == [
        *(("Trading", None), ("Sales", "2024-10-01"), ("Sales", "2024-10-01"))
    ]


async def test_a_first_day_recorded_wrongly_is_corrected(
    client: httpx.AsyncClient, database_url: str
) -> None:
    await client.post("/employees", json=hiring("W1"))
    again = await client.post("/employees", json=hiring("W1", hired_on="2024-02-01", licences=[]))
    assert (again.status_code, "PATCH /employees/" in again.text) == (409, True)
    read = {"If-Match": '"1"'}
    right = await client.patch("/employees/W1", json={"hired_on": "2024-02-01"}, headers=read)
    assert right.json()["employment"] == [{"status": "EMPLOYED", "effective_from": "2024-02-01"}]
    assert right.json()["licences"][0]["valid_from"] == "2024-02-01"
    assert await published(database_url, "W1") == ["hired", "changed"]
    await client.post("/employees/W1/leave", json={"first_day": "2024-03-04", "last_day": "2024-03-08"})
    late = {"hired_on": "2024-03-05", "family_name": "Jones"}
    refused = await client.patch("/employees/W1", json=late, headers={"If-Match": '"3"'})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "/body/hired_on")
    assert (await client.get("/employees/W1")).json()["family_name"] == "Smith"


async def test_many_are_hired_at_once_and_each_bad_row_is_named(client: httpx.AsyncClient) -> None:
    rows: list[Any] = [
        hiring("B1"),
        hiring("B2", licences=[{"product": "EQUITY", "valid_from": "2023-01-01"}]),
        hiring("b3", hired_on="soon"),
        7,
        hiring("B1", department="Sales"),
    ]
    body = (await client.post("/employees/bulk", json={"rows": rows})).json()
    assert body["hired"] == 1
    named = [(row["row"], sorted(error["field"] for error in row["errors"])) for row in body["refused"]]
    assert named == [
        (1, ["licences.valid_from"]),
        (2, ["employee_id", "hired_on"]),
        (3, [""]),
        (4, ["employee_id"]),
    ]
    again = (await client.post("/employees/bulk", json={"rows": [hiring("B1")]})).json()
    assert (again["hired"], again["unchanged"]) == (0, 1)


async def test_a_contradiction_is_refused_with_the_field_at_fault(client: httpx.AsyncClient) -> None:
    await client.post("/employees", json=hiring("R1"))
    overlapping = {"product": "EQUITY", "valid_from": "2025-01-01"}
    answer = await client.post("/employees/R1/licences", json=overlapping)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "/body/valid_from")


async def test_only_hr_may_change_anything(app: FastAPI, client: httpx.AsyncClient) -> None:
    answer = await client.post("/employees/N1/termination", json={"last_day": "2026-11-20"}, headers=AUDITOR)
    assert answer.status_code == 403


@pytest.mark.parametrize("key", ["X404", "%00", "a b", "x" * 300])
async def test_unknown_numbers_are_problems(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.get(f"/employees/{key}")
    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_history_cannot_be_rewritten(client: httpx.AsyncClient, database_url: str) -> None:
    await client.post("/employees", json=hiring("H1"))
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(text("DELETE FROM employee_version"))
    await engine.dispose()


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 10**30, Decimal("1e30"), "", " ", "\0", "x" * 5_000, "\ud800", "'; --"),
    *([], {}, ["2024-01-08"], {"a": 1}, "9999-12-31", "0001-01-01", "NaN", "2024-02-30"),
]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/employees", hiring("Z1")),
        ("/employees/Z0/licences", {"product": "BOND", "valid_from": "2024-06-03", "valid_to": "2024-07-03"}),
        ("/employees/Z0/licences/end", {"product": "EQUITY", "last_day": "2025-12-31"}),
        ("/employees/Z0/leave", {"first_day": "2025-03-03", "last_day": "2025-03-07"}),
        ("/employees/Z0/return", {"first_day": "2025-03-03"}),
        ("/employees/Z0/termination", {"last_day": "2026-11-20"}),
        ("/employees/Z0/rehiring", {"hired_on": "2027-01-04"}),
    ],
)
async def test_no_value_whatsoever_is_a_defect_of_ours(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    await client.post("/employees", json=hiring("Z0"))
    for field in body:
        for value in HOSTILE:
            content = json.dumps({**body, field: value}, default=str)
            answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, (field, value, answer.text)
    for field in ("", "\0", "\ud800", "x" * 5_000):
        content = json.dumps({**body, field: 1})
        answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (field, answer.text)


async def test_somebody_else_under_a_known_number_is_not_taken_for_who_has_it(
    client: httpx.AsyncClient, database_url: str
) -> None:
    await client.post("/employees", json=hiring("S1"))
    other = hiring("S1", given_name="Somebody", family_name="Else")
    answer = await client.post("/employees", json=other)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/employee-known")
    rows = [hiring("S2"), hiring("S2", given_name="Somebody"), hiring("S1"), other]
    body = (await client.post("/employees/bulk", json={"rows": rows})).json()
    assert (body["hired"], body["unchanged"], [row["row"] for row in body["refused"]]) == (1, 1, [1, 3])
    assert await published(database_url, "S1") == ["hired"]
