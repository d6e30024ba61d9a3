"""Names and birth dates: nowhere in clear, through rotations and an upgrade, and gone for good once they are erased."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from backoffice_chassis import Role, Service
from backoffice_chassis.key_text import new_key_ring
from backoffice_chassis.secrecy import backlog, command
from backoffice_chassis.secrecy import keys as data_keys
from backoffice_chassis.telemetry import Telemetry
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    as_caller,
    client_for,
    engine_for,
    found_in_clear,
)
from backoffice_cli.stack.testing import Migrated
from hr.employees.tables import SEALED_PERSON
from hr.main import MIGRATIONS, HrSettings, build

pytestmark = pytest.mark.integration

PERSONAL = ("Zbigniewa", "Quixotewicz", "Featherstonehaugh", "1961-07-13")
HR, SECOND, AUDITOR = as_caller("mary", Role.HR), as_caller("chen", Role.HR), as_caller("ada", Role.AUDITOR)
BEFORE_ENCRYPTION = "0003"
FORMERLY = """
INSERT INTO employee VALUES ('O1', 1, 'Trading', '[{"status": "EMPLOYED", "effective_from": "2024-01-08"}]', '[]');
INSERT INTO person VALUES ('O1', 'Zbigniewa', 'Quixotewicz', '1961-07-13', now(), 'mary');
INSERT INTO idempotency_key VALUES ('mary', 'POST /employees', 'k', '', 201, '{}', '{"family_name": "Quixotewicz"}',
                                    now())
"""


def hiring(employee_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "employee_id": employee_id,
        "given_name": "Zbigniewa",
        "family_name": "Quixotewicz",
        "date_of_birth": "1961-07-13",
        "department": "Trading",
        "hired_on": "2010-01-04",
        **changes,
    }


def service(database_url: str, ring: str | None = None, clock: FixedClock | None = None) -> Service:
    keys = SecretStr(ring) if ring else FIELD_KEYS
    settings = HrSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=keys
    )
    return build(settings, clock or FixedClock())


@asynccontextmanager
async def serving(database_url: str, ring: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with app_for(service(database_url, ring)) as app, client_for(app, "mary", Role.HR) as client:
        yield client


async def keys(verb: str, database_url: str, ring: str | None = None) -> int:
    return await asyncio.to_thread(command.main, service(database_url, ring), verb)


async def rows(database_url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


@pytest.fixture
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(MIGRATIONS)


@pytest.fixture
async def upgraded_url(migrated_database: Migrated) -> str:
    """Return a database in which the release before encryption hired somebody, upgraded."""
    return await migrated_database.upgraded(MIGRATIONS, BEFORE_ENCRYPTION, FORMERLY)


async def test_nothing_personal_rests_in_clear_in_any_table(database_url: str) -> None:
    async with serving(database_url) as client:
        hired = await client.post("/employees", json=hiring("E1"), headers={"Idempotency-Key": "k1"})
        again = await client.post("/employees", json=hiring("E1"), headers={"Idempotency-Key": "k1"})
        assert (hired.status_code, again.content) == (201, hired.content)
        many = {"rows": [hiring("E2"), hiring("E3", hired_on="soon"), hiring("E1", department="Sales")]}
        await client.post("/employees/bulk", json=many, headers={"Idempotency-Key": "k2"})
        renamed = {"family_name": "Featherstonehaugh"}
        await client.patch("/employees/E1", json=renamed, headers={"If-Match": '"1"'})
        await client.post("/employees", json=hiring("E1", department="Sales"))
        listed = (await client.get("/employees")).json()["items"]
    shown = [(each["given_name"], each["family_name"], each["date_of_birth"]) for each in listed]
    assert shown == [
        ("Zbigniewa", "Featherstonehaugh", "1961-07-13"),
        ("Zbigniewa", "Quixotewicz", "1961-07-13"),
    ]
    assert await found_in_clear(database_url, PERSONAL) == set()
    found = await found_in_clear(database_url, ["Trading"])
    assert ("employee.department", "Trading") in found, "the search finds what is there"


async def test_a_name_moved_to_another_person_is_not_shown_as_theirs(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        await client.post("/employees", json=hiring("E2", given_name="Featherstonehaugh"))
        await rows(
            database_url,
            "UPDATE person SET given_name = (SELECT given_name FROM person WHERE employee_id = 'E2')"
            " WHERE employee_id = 'E1'",
        )
        answer = await client.get("/employees/E1")
    assert answer.status_code == 500
    assert not any(value in answer.text for value in PERSONAL)


async def test_erasure_takes_two_people_and_leaves_no_way_back(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        await client.post("/employees/E1/termination", json={"last_day": "2016-12-30"})
        kept = await rows(database_url, "SELECT * FROM person")
        proposed = await client.post("/employees/E1/erasure", json={"reason": "asked for it"})
        assert proposed.status_code == 201, proposed.text
        approve = proposed.headers["Location"] + "/approve"
        assert (await client.post(approve, json={})).json()["type"] == "/problems/four-eyes"
        assert (await client.get("/employees/E1")).json()["family_name"] == "Quixotewicz"
        approved = await client.post(approve, json={}, headers=SECOND)
        assert approved.status_code == 200, approved.text
        shown = (await client.get("/employees/E1")).json()
        assert [shown[name] for name in ("given_name", "family_name", "date_of_birth")] == [None] * 3
        assert shown["erased_at"] == approved.json()["outcome"]["erased_at"]
        assert len((await client.get("/employees/E1/history")).json()["items"]) == 2
        entries = (await client.get("/audit/entries", headers=AUDITOR)).json()["items"]
        assert [each["entry"]["action"] for each in entries[-2:]] == ["propose_erasure", "approve"]
        for path, body in (
            ("rehiring", {"hired_on": "2027-01-04"}),
            ("erasure", {"reason": "again"}),
            ("licences", {"product": "BOND", "valid_from": "2015-06-03"}),
        ):
            refused = await client.post(f"/employees/E1/{path}", json=body)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/employee-erased")
        # What a backup holds of the person is put back: without the key nobody reads it.
        names = f"given_name = '{kept[0]['given_name']}', family_name = '{kept[0]['family_name']}'"
        await rows(database_url, f"UPDATE person SET {names}, erased_at = NULL")  # noqa: S608
        assert (await client.get("/employees/E1")).status_code == 500
    [key] = await rows(database_url, "SELECT * FROM data_key WHERE subject = 'E1'")
    assert (key["wrapped"], key["destroyed_at"] is not None) == (None, True)


async def test_a_destroyed_key_cannot_be_given_back_by_the_service(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
    destroy = "UPDATE data_key SET wrapped = NULL, destroyed_at = now()"
    await rows(database_url, destroy)
    for statement in (
        "UPDATE data_key SET wrapped = 'x', destroyed_at = NULL",
        "DELETE FROM data_key",
        "TRUNCATE data_key",
    ):
        with pytest.raises(asyncpg.PostgresError, match=r"refused|permission denied"):
            await rows(database_url, statement)


@pytest.mark.parametrize(
    ("last_day", "why"),
    [
        (None, "still-employed"),
        ("2030-12-31", "retention-period"),
        ("2024-05-31", "retention-period"),
        ("2017-06-03", "retention-period"),
    ],
)
async def test_what_the_law_wants_kept_is_not_erased(
    database_url: str, last_day: str | None, why: str
) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        if last_day:
            await client.post("/employees/E1/termination", json={"last_day": last_day})
        refused = await client.post("/employees/E1/erasure", json={"reason": "asked for it"})
    assert (refused.status_code, refused.json()["type"]) == (409, f"/problems/{why}")


async def test_an_erasure_approved_after_a_rehiring_is_refused(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        await client.post("/employees/E1/termination", json={"last_day": "2016-12-30"})
        proposed = await client.post("/employees/E1/erasure", json={"reason": "asked for it"})
        await client.post("/employees/E1/rehiring", json={"hired_on": "2024-06-03"})
        late = await client.post(proposed.headers["Location"] + "/approve", json={}, headers=SECOND)
        assert late.json()["type"] == "/problems/still-employed"
        assert (await client.get("/employees/E1")).json()["family_name"] == "Quixotewicz"


async def test_keys_are_rotated_and_renewed_while_requests_run(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_AT_A_TIME", 7)
    old, new = f"1:{new_key_ring()[2:]}", f"2:{new_key_ring()[2:]}"
    async with serving(database_url, f"{new},{old}") as client, serving(database_url, old) as before:
        people = [hiring(f"E{number}") for number in range(40)]
        await before.post("/employees/bulk", json={"rows": people}, headers={"Idempotency-Key": "k"})
        assert await keys("status", database_url, f"{new},{old}") == command.REMAINS
        rotating = asyncio.create_task(keys("rotate", database_url, f"{new},{old}"))
        await work_on(client, 0, 10, rotating)
        assert await rotating == 0
        renewing = asyncio.create_task(keys("renew", database_url, f"{new},{old}"))
        await work_on(client, 10, 20, renewing)
        await renewing
        assert await keys("encrypt", database_url, f"{new},{old}") == 0
    async with serving(database_url, new) as client:
        listed = (await client.get("/employees", params={"limit": 100})).json()["items"]
    assert {each["given_name"] for each in listed} == {"Zbigniewa"}
    assert sorted(each["family_name"] for each in listed).count("Featherstonehaugh") == 20
    versions = await rows(database_url, "SELECT DISTINCT kek_version FROM data_key")
    assert [row[0] for row in versions] == [2]
    async with serving(database_url, old) as client:
        assert (await client.get("/employees")).status_code == 500
        unready = await client.get("/readyz")
    assert (unready.status_code, "version 2" in unready.json()["failures"]["database"]) == (503, True)


async def work_on(client: httpx.AsyncClient, first: int, end: int, beside: asyncio.Task[int]) -> None:
    """Read and rename people, at least until something beside has ended."""
    number = first
    while number < end or not beside.done():
        assert (await client.get("/employees")).status_code == 200
        if number < end:
            path = f"/employees/E{number}"
            version = (await client.get(path)).headers["ETag"]
            name = {"family_name": "Featherstonehaugh"}
            renamed = await client.patch(path, json=name, headers={"If-Match": version})
            assert renamed.status_code == 200, renamed.text
        number += 1


async def test_after_an_upgrade_values_stay_readable_for_the_old_release_until_told_that_it_is_gone(
    upgraded_url: str,
) -> None:
    async with serving(upgraded_url) as client:
        known = (await client.get("/employees/O1")).json()
        assert [known[name] for name in ("given_name", "family_name", "date_of_birth")] == [
            "Zbigniewa",
            "Quixotewicz",
            "1961-07-13",
        ]
        await client.post("/employees", json=hiring("N1"))
        old_release_reads = "SELECT given_name, family_name, date_of_birth FROM person ORDER BY employee_id"
        seen = [tuple(map(str, row)) for row in await rows(upgraded_url, old_release_reads)]
        assert seen == [("Zbigniewa", "Quixotewicz", "1961-07-13")] * 2
        assert await keys("status", upgraded_url) == command.REMAINS
        assert await keys("encrypt", upgraded_url) == 0
        assert await found_in_clear(upgraded_url, PERSONAL) == set()
        assert (await client.get("/employees/O1")).json() == known
        await client.post("/employees", json=hiring("N2"))
        listed = (await client.get("/employees")).json()["items"]
        assert {each["family_name"] for each in listed} == {"Quixotewicz"}
    assert await found_in_clear(upgraded_url, PERSONAL) == set()


async def test_whoever_began_to_write_in_clear_is_waited_for(upgraded_url: str) -> None:
    writer = await asyncpg.connect(upgraded_url.replace("+asyncpg", ""))
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("SELECT * FROM encryption_pending FOR SHARE")
    await writer.execute(FORMERLY.replace("O1", "O2").replace("'k'", "'k2'"))
    encrypting = asyncio.create_task(keys("encrypt", upgraded_url))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(30):
        while (await rows(upgraded_url, waiting))[0][0] == 0:
            assert not encrypting.done()
    await transaction.commit()
    await writer.close()
    assert await encrypting == 0
    assert await found_in_clear(upgraded_url, PERSONAL) == set()


async def test_an_interrupted_renewal_leaves_everything_readable_and_is_taken_up_again(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.post("/employees/bulk", json={"rows": [hiring(f"E{number}") for number in range(5)]})
        before = (await client.get("/employees")).json()
        engine = engine_for(database_url)
        async with engine.begin() as connection:
            await data_keys.renew(connection)
            assert await backlog.encrypt_some(connection, SEALED_PERSON, 2) == ("E1",)
            assert await backlog.count(connection, SEALED_PERSON, backlog.under_older_key(SEALED_PERSON)) == 3
        await engine.dispose()
        assert (await client.get("/employees")).json() == before
        assert await keys("status", database_url) == command.REMAINS
        assert await keys("encrypt", database_url) == 0
        assert (await client.get("/employees")).json() == before
    generations = "SELECT generation, count(*) FROM data_key WHERE subject IS NOT NULL GROUP BY 1 ORDER BY 1"
    assert [tuple(row) for row in await rows(database_url, generations)] == [(1, 5), (2, 5)]


async def test_the_command_says_how_things_stand_and_shows_no_key(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
    environment = {
        "BACKOFFICE_DATABASE_URL": database_url.replace("+asyncpg", ""),
        "BACKOFFICE_ISSUER_URL": "http://issuer.test",
        "BACKOFFICE_FIELD_KEYS": FIELD_KEYS.get_secret_value(),
    }

    def run(*verb: str, **more: str) -> subprocess.CompletedProcess[str]:
        command_line = (sys.executable, "-m", "hr.main", "keys", *verb)
        variables = {**os.environ, **environment, **more}
        return subprocess.run(command_line, env=variables, capture_output=True, text=True, check=False)

    status = await asyncio.to_thread(run, "status")
    assert json.loads(status.stdout) == {
        "encrypts_with": 1,
        "data_keys_by_version": {"1": 1},
        "data_keys_destroyed": 0,
        "older_release_may_run": False,
        "rows_in_clear": {"person": 0, "approval": 0, "idempotency_key": 0},
        "rows_under_older_data_keys": {"person": 0, "approval": 0, "idempotency_key": 0},
    }
    lost = await asyncio.to_thread(lambda: run("rotate", BACKOFFICE_FIELD_KEYS=f"2:{new_key_ring()[2:]}"))
    assert (lost.returncode, "wrapped by key 1" in json.loads(lost.stdout)["error"]) == (2, True)
    assert FIELD_KEYS.get_secret_value()[2:] not in status.stdout + status.stderr + lost.stdout + lost.stderr
    assert (await asyncio.to_thread(run, "sell")).returncode == 2
    assert (await asyncio.to_thread(lambda: run("status", BACKOFFICE_FIELD_KEYS="1:x"))).returncode == 2


async def test_logs_metrics_and_problems_name_nobody(
    database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        answers = [
            await client.post("/employees", json=hiring("E1", department="Sales")),
            await client.post("/employees", json=hiring("E2", hired_on="Quixotewicz")),
            await client.post("/employees", json=hiring("E3", surname="Featherstonehaugh")),
            await client.post("/employees/bulk", json={"rows": [hiring("x y")]}),
            await client.patch("/employees/E1", json={"family_name": "Featherstonehaugh" * 40}),
        ]
        await rows(database_url, "UPDATE person SET given_name = 'enc1:broken'")
        answers.append(await client.get("/employees/E1"))
        answers.append(await client.get("/metrics"))
        answers.append(await client.get("/messaging/dead-letters", headers=as_caller("s", Role.SRE)))
    assert answers[-3].status_code == 500
    written = capfd.readouterr()
    logged = written.out + written.err
    assert "UnreadableError" in logged or "MissingKeyError" in logged, "the defect is logged"
    assert [value for value in PERSONAL if value in logged] == []
    assert [(answer.url, value) for answer in answers for value in PERSONAL if value in answer.text] == []


async def test_spans_name_nobody(database_url: str) -> None:
    exporter, tracing = InMemorySpanExporter(), TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    served = service(database_url)
    async with app_for(served) as app, client_for(app, "mary", Role.HR) as client:
        engine = app.state.resources.transactions.engine
        settings = served.settings.model_copy(update={"otlp_endpoint": "http://collector:4318"})
        Telemetry(settings, tracing, MeterProvider()).trace_statements(engine)
        try:
            with tracing.get_tracer("t").start_as_current_span("request"):
                await client.post("/employees", json=hiring("E1"), headers={"Idempotency-Key": "k"})
        finally:
            SQLAlchemyInstrumentor().uninstrument()
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    assert any("INSERT INTO person" in span for span in spans)
    assert [value for value in PERSONAL for span in spans if value in span] == []


@pytest.mark.parametrize("verb", ["rehiring", "patch"])
async def test_who_waited_for_an_erasure_finds_them_erased(database_url: str, verb: str) -> None:
    async with serving(database_url) as client:
        await client.post("/employees", json=hiring("E1"))
        await client.post("/employees/E1/termination", json={"last_day": "2012-01-31"})
        eraser = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        transaction = eraser.transaction()
        await transaction.start()
        await eraser.execute("SELECT * FROM employee WHERE employee_id = 'E1' FOR UPDATE")
        if verb == "patch":
            request = client.patch("/employees/E1", json={"family_name": "New"}, headers={"If-Match": '"2"'})
        else:
            request = client.post("/employees/E1/rehiring", json={"hired_on": "2026-01-05"})
        asked = asyncio.create_task(request)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(30):
            while (await rows(database_url, waiting))[0][0] == 0:
                assert not asked.done()
        await eraser.execute(
            "UPDATE data_key SET wrapped = NULL, destroyed_at = clock_timestamp() WHERE subject = 'E1'"
        )
        await eraser.execute(
            "UPDATE person SET given_name = NULL, family_name = NULL, date_of_birth_sealed = NULL, erased_at = now()"
        )
        await transaction.commit()
        await eraser.close()
        answer = await asked
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "employee-erased")
