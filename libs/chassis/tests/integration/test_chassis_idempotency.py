"""A POST under an Idempotency-Key has one effect, however often and however concurrently it is sent."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import CursorResult, text

from backoffice_chassis import Role, Service
from backoffice_chassis import housekeeping as housekeeping_module
from backoffice_chassis.housekeeping import CHUNK, housekeeping
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import FixedClock, as_caller

pytestmark = pytest.mark.integration

NOTE = {"title": "pay the CSD", "amount": "3"}
KEY = {"Idempotency-Key": "3f1c"}


async def number_of_notes(client: httpx.AsyncClient) -> int:
    return len((await client.get("/notes")).json()["items"])


async def test_a_repeat_is_answered_as_the_first_was_and_has_no_effect(client: httpx.AsyncClient) -> None:
    first = await client.post("/notes", json=NOTE, headers=KEY)
    again = await client.post("/notes", json=NOTE, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await number_of_notes(client) == 1


async def test_another_payload_under_the_same_key_is_refused(client: httpx.AsyncClient) -> None:
    await client.post("/notes", json=NOTE, headers=KEY)
    answer = await client.post("/notes", json={**NOTE, "title": "other"}, headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_of_many_at_once_one_takes_effect_and_the_others_wait_or_repeat_it(
    client: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(*(client.post("/notes", json=NOTE, headers=KEY) for _ in range(9)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    firsts = [a for a in answers if a.status_code == 201 and "idempotency-replayed" not in a.headers]
    assert len(firsts) == 1
    assert await number_of_notes(client) == 1


async def test_while_the_first_is_in_flight_a_repeat_is_a_conflict(
    client: httpx.AsyncClient, sample: Service
) -> None:
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:scope, 0))")
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        await unit.connection.execute(lock, {"scope": "olivia\nPOST /notes\n3f1c"})
        answer = await client.post("/notes", json=NOTE, headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/request-in-flight")


async def test_what_failed_may_be_sent_again_under_the_same_key(client: httpx.AsyncClient) -> None:
    refused = await client.post("/notes", json={**NOTE, "amount": "-1"}, headers=KEY)
    assert refused.status_code == 422
    assert (await client.post("/notes", json=NOTE, headers=KEY)).status_code == 201


async def test_a_key_is_its_owners_own(client: httpx.AsyncClient) -> None:
    other = {**KEY, **as_caller("oscar", Role.OPERATIONS)}
    await client.post("/notes", json=NOTE, headers=KEY)
    answer = await client.post("/notes", json={**NOTE, "title": "oscar's"}, headers=other)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_named_as_the_field_at_fault(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/notes", json=NOTE, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/header/Idempotency-Key"


async def test_of_two_keys_none_is_chosen_in_silence(client: httpx.AsyncClient) -> None:
    keys = [("Idempotency-Key", "first"), ("Idempotency-Key", "second")]
    answer = await client.post("/notes", json=NOTE, headers=[*client.headers.multi_items(), *keys])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/header/Idempotency-Key"


@pytest.mark.parametrize("path", ["%00", "x" * 60_000, "🦊"])
async def test_a_path_of_any_kind_may_be_repeated(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(f"/messaging/dead-letters/{path}/redrive", json={"reason": "x"}, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/path/dead_letter_id"


async def test_answers_are_forgotten_after_their_retention(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await client.post("/notes", json=NOTE, headers=KEY)
    retention = timedelta(hours=sample.settings.idempotency_retention_hours)
    await grow_older(sample, retention - timedelta(hours=1))
    await housekeep(sample)
    assert (await client.post("/notes", json=NOTE, headers=KEY)).headers["idempotency-replayed"] == "true"
    await grow_older(sample, timedelta(hours=1))
    await housekeep(sample)
    answer = await client.post("/notes", json={**NOTE, "title": "new"}, headers=KEY)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("who_answers", "who_forgets"),
    [
        (timedelta(0), timedelta(days=400)),
        (timedelta(days=-400), timedelta(0)),
    ],
)
async def test_a_process_whose_clock_is_wrong_has_no_repeat_take_effect(
    client: httpx.AsyncClient,
    sample: Service,
    clock: FixedClock,
    who_answers: timedelta,
    who_forgets: timedelta,
) -> None:
    clock.advance(who_answers)
    await client.post("/notes", json=NOTE, headers=KEY)
    clock.advance(who_forgets - who_answers)
    await housekeep(sample)
    answer = await client.post("/notes", json=NOTE, headers=KEY)
    assert answer.headers["idempotency-replayed"] == "true"
    assert await number_of_notes(client) == 1


async def test_many_old_answers_are_forgotten_a_bounded_number_at_a_time(
    sample: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping_module, "MOST_CHUNKS", 3)
    many = (
        "INSERT INTO idempotency_key SELECT 'olivia', 'POST /notes', number::text, '', 201, '{}', '',"
        " now() - interval '400 days' FROM generate_series(1, :number) AS number"
    )
    await execute(sample, many, number=4 * CHUNK + 1)
    await housekeep(sample)
    assert await number_of_answers(sample) == CHUNK + 1
    await housekeep(sample)
    assert await number_of_answers(sample) == 0


async def grow_older(sample: Service, by: timedelta) -> None:
    await execute(sample, "UPDATE idempotency_key SET created_at = created_at - CAST(:by AS interval)", by=by)


async def housekeep(sample: Service) -> None:
    async with open_resources(sample) as resources:
        for job in housekeeping(sample.settings):
            async with resources.transactions.begin() as unit:
                await job.run(unit)


async def number_of_answers(sample: Service) -> int:
    return int((await execute(sample, "SELECT count(*) FROM idempotency_key")).scalar_one())


async def execute(sample: Service, statement: str, **values: Any) -> CursorResult[Any]:
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        return await unit.connection.execute(text(statement.replace("::", r"\:\:")), values)
