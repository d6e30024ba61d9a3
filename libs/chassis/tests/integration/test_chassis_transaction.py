"""One request is one transaction: it commits before the answer leaves, or nothing happened."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backoffice_chassis import Role, Service
from backoffice_chassis.http.transaction import RequestTransaction
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import app_for, as_caller, client_for, unguarded_routes

pytestmark = pytest.mark.integration

NOTE = {"title": "settle by noon", "amount": "12.50"}


async def titles(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/notes")
    assert answer.status_code == 200
    return [note["title"] for note in answer.json()["items"]]


async def test_what_was_answered_is_committed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes", json=NOTE)
    assert answer.status_code == 201
    assert answer.json()["amount"] == "12.50"
    assert await titles(client) == ["settle by noon"]


async def test_a_defect_rolls_back_and_tells_the_client_nothing_of_its_inside(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/notes/half-done", json=NOTE)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert await titles(client) == []


async def test_an_answer_of_400_or_more_rolls_back(client: httpx.AsyncClient) -> None:
    assert (await client.post("/notes/refused", json=NOTE)).status_code == 409
    assert await titles(client) == []


async def test_an_event_is_in_the_outbox_when_the_request_is_answered(
    client: httpx.AsyncClient, sample: Service
) -> None:
    assert (await client.post("/notes/announced")).status_code == 204
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        topics = (await unit.connection.execute(text("SELECT aggregatetype FROM outbox"))).scalars().all()
    assert topics == ["reference.business-days.v1"]


async def test_a_key_that_exists_is_a_conflict_that_names_the_constraint(client: httpx.AsyncClient) -> None:
    await client.post("/notes", json=NOTE)
    answer = await client.post("/notes", json=NOTE)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-exists")
    assert "note_title_once" in answer.json()["detail"]


async def test_what_a_check_constraint_refuses_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes", json={**NOTE, "amount": "1000000"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/refused-by-database")


@pytest.mark.parametrize("note_id", ["no-uuid", "%00", "a" * 4000, "%ff%fe", "🦊"])
async def test_an_id_that_the_database_cannot_read_is_the_callers_fault(
    client: httpx.AsyncClient, note_id: str
) -> None:
    assert (await client.get(f"/notes/{note_id}")).status_code == 422


async def test_many_requests_at_once_each_have_their_own_transaction(client: httpx.AsyncClient) -> None:
    bodies = [{"title": f"note {number:02}", "amount": "1"} for number in range(40)]
    answers = await asyncio.gather(*(client.post("/notes", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {201}
    assert len(await titles(client)) == 40


async def test_a_database_that_is_down_is_503_with_retry_after(sample: Service) -> None:
    gone = sample.settings.model_copy(update={"database_url": "postgresql+asyncpg://x:x@127.0.0.1:1/x"})
    async with app_for(replace(sample, settings=gone)) as app, client_for(app) as client:
        answer = await client.get("/notes")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_commit_over_which_the_connection_breaks_is_not_said_to_be_undone(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = RequestTransaction.commit

    async def unanswered(transaction: RequestTransaction) -> None:
        await commit(transaction)
        raise ConnectionResetError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(RequestTransaction, "commit", unanswered)
        answer = await client.post("/notes", json=NOTE, headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/outcome-unknown")
    again = await client.post("/notes", json=NOTE, headers={"Idempotency-Key": "once"})
    assert (again.status_code, len(await titles(client))) == (201, 1)


async def test_no_route_answers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


@pytest.mark.parametrize("role", Role)
async def test_only_the_named_roles_may_write(client: httpx.AsyncClient, role: Role) -> None:
    answer = await client.post("/notes", json=NOTE, headers=as_caller("somebody", role))
    assert answer.status_code == (201 if role in {Role.OPERATIONS, Role.FINANCE} else 403)
    if answer.status_code == 403:
        assert "finance, operations" in answer.json()["detail"]
