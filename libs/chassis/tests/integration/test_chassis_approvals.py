"""What needs two persons is proposed by one, and carried out when, and only when, another one approves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backoffice_chassis import Role, Service
from backoffice_chassis.approvals.store import expire_overdue
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import FixedClock, client_for
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.messaging import Batch, dead_letters
from backoffice_events.messaging.dead_letters import Condemned

pytestmark = pytest.mark.integration

WHY = {"reason": "garbage from a test"}
DISCARD = "/messaging/dead-letters/discard"


@pytest.fixture
def sample(sample: Service) -> Service:
    """The sample service, its consumer ordered: a dead letter waits for an older one of its key."""
    return replace(sample, consumers=[replace(each, ordered=True) for each in sample.consumers])


@pytest.fixture
async def checker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "oscar", Role.OPERATIONS) as client:
        yield client


@pytest.fixture
async def letters(sample: Service) -> list[str]:
    """Two dead letters."""
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        events = [
            BusinessDayOpened(
                calendar="US", business_date=date(2024, 6, day), version=day, status=BusinessDayStatus.OPEN
            )
            for day in (3, 4)
        ]
        items = [Condemned(each, "nobody works then") for each in Batch.of(unit.connection, events).events]
        await dead_letters.write(unit, "notes.business-days", items)
        found = await dead_letters.listed(unit.connection, dead_letters.Filter())
        return [str(row.id) for row in found]


@pytest.fixture
async def proposed(client: httpx.AsyncClient, letters: list[str]) -> str:
    """A proposal of olivia's to discard both."""
    answer = await client.post(DISCARD, json={**WHY, "ids": letters})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["approval_id"])


async def open_letters(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/messaging/dead-letters", params={"status": "open"})).json()
    return [each["id"] for each in page["items"]]


async def decided(client: httpx.AsyncClient, approval_id: str, how: str, reason: str | None = "seen") -> Any:
    answer = await client.post(f"/approvals/{approval_id}/{how}", json={"reason": reason})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(client: httpx.AsyncClient, approval_id: str, how: str) -> tuple[int, str]:
    answer = await client.post(f"/approvals/{approval_id}/{how}", json={"reason": "seen"})
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def test_nothing_happens_until_another_person_approves_and_then_all_of_it(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, letters: list[str], proposed: str
) -> None:
    assert await open_letters(client) == letters
    story = await decided(checker, proposed, "approve")
    assert (story["status"], story["proposed_by"], story["decided_by"]) == ("APPROVED", "olivia", "oscar")
    assert [each["result"] for each in story["outcome"]] == ["discarded", "discarded"]
    assert await open_letters(client) == []
    actions = (await client.get("/messaging/actions")).json()["items"]
    assert [(each["actor"], each["why"]) for each in actions] == [
        ("oscar", "garbage from a test (proposed by olivia)")
    ] * 2


async def test_what_cannot_be_discarded_in_whole_is_not_discarded_and_goes_on_waiting(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, letters: list[str], proposed: str
) -> None:
    elder, younger = letters
    alone = (await client.post(DISCARD, json={**WHY, "ids": [younger]})).json()["approval_id"]
    answer = await checker.post(f"/approvals/{alone}/approve", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-discarded")
    assert younger in answer.json()["detail"]
    assert f"deal with {elder} first" in answer.json()["detail"]
    assert (await checker.get(f"/approvals/{alone}")).json()["status"] == "PROPOSED"
    assert await open_letters(client) == letters
    await client.post(f"/messaging/dead-letters/{elder}/redrive", json=WHY)
    assert await refused(checker, proposed, "approve") == (409, "not-discarded")
    assert await open_letters(client) == [younger]
    assert (await decided(checker, alone, "approve"))["status"] == "APPROVED"
    assert await open_letters(client) == []


async def test_one_that_waits_for_an_older_one_is_proposed_with_it_or_behind_it(
    client: httpx.AsyncClient, letters: list[str]
) -> None:
    elder, younger = letters
    answer = await client.post(DISCARD, json={**WHY, "ids": [younger]})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-discarded")
    assert younger in answer.json()["detail"]
    assert f"deal with {elder} first" in answer.json()["detail"]
    assert (await client.post(DISCARD, json={**WHY, "ids": [elder]})).status_code == 201
    assert (await client.post(DISCARD, json={**WHY, "ids": [younger]})).status_code == 201


async def test_the_person_counts_and_not_the_token(app: FastAPI, proposed: str, letters: list[str]) -> None:
    async with client_for(app, "olivia", Role.SRE) as same_person_in_another_role:
        for how in ("approve", "reject"):
            assert await refused(same_person_in_another_role, proposed, how) == (403, "four-eyes")
        assert await open_letters(same_person_in_another_role) == letters


async def test_the_database_itself_refuses_one_person_in_both_roles(sample: Service, proposed: str) -> None:
    statement = (
        "UPDATE approval SET status = 'APPROVED', decided_by = proposed_by, decided_at = now()"
        " WHERE status = 'PROPOSED'"
    )
    with pytest.raises(IntegrityError, match="approval_four_eyes"):
        async with open_resources(sample) as resources, resources.transactions.begin() as unit:
            await unit.connection.execute(text(statement))


async def test_what_is_rejected_or_withdrawn_is_not_carried_out(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, letters: list[str], proposed: str
) -> None:
    assert await refused(checker, proposed, "withdraw") == (403, "not-yours")
    assert (await decided(client, proposed, "withdraw"))["status"] == "WITHDRAWN"
    again = (await client.post(DISCARD, json={**WHY, "ids": letters})).json()["approval_id"]
    assert (await decided(checker, again, "reject"))["status"] == "REJECTED"
    assert await open_letters(client) == letters
    for each in (proposed, again):
        assert await refused(checker, each, "approve") == (409, "decided-already")
    assert (await checker.post(f"/approvals/{proposed}/reject", json={})).status_code == 422


async def test_what_nobody_decides_in_time_expires(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, proposed: str, sample: Service
) -> None:
    await grow_older(sample, timedelta(days=7) - timedelta(hours=1))
    await expired(sample)
    assert (await checker.get(f"/approvals/{proposed}")).json()["status"] == "PROPOSED"
    await grow_older(sample, timedelta(hours=1))
    assert await refused(checker, proposed, "approve") == (409, "approval-expired")
    await expired(sample)
    story = (await checker.get(f"/approvals/{proposed}")).json()
    assert [(step["status"], step["actor"]) for step in story["history"]] == [
        ("PROPOSED", "olivia"),
        ("EXPIRED", None),
    ]
    assert await refused(checker, proposed, "approve") == (409, "decided-already")


@pytest.mark.parametrize(
    ("who_proposes", "who_expires", "who_approves"),
    [
        (timedelta(0), timedelta(days=400), timedelta(0)),
        (timedelta(0), timedelta(0), timedelta(days=400)),
        (timedelta(days=-400), timedelta(0), timedelta(0)),
    ],
)
async def test_a_process_whose_clock_is_wrong_expires_nothing(  # noqa: PLR0917  whose clock is wrong, and who acts
    client: httpx.AsyncClient,
    checker: httpx.AsyncClient,
    letters: list[str],
    sample: Service,
    clock: FixedClock,
    who_proposes: timedelta,
    who_expires: timedelta,
    who_approves: timedelta,
) -> None:
    clock.advance(who_proposes)
    proposed = (await client.post(DISCARD, json={**WHY, "ids": letters})).json()["approval_id"]
    clock.advance(who_expires - who_proposes)
    await expired(sample)
    clock.advance(who_approves - who_expires)
    story = await decided(checker, proposed, "approve")
    assert [step["status"] for step in story["history"]] == ["PROPOSED", "APPROVED"]
    assert story["decided_at"] == story["history"][1]["at"]


async def grow_older(sample: Service, by: timedelta) -> None:
    """Let what was proposed have been proposed earlier."""
    older = text("UPDATE approval SET expires_at = expires_at - CAST(:by AS interval)")
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        await unit.connection.execute(older, {"by": by})


async def expired(sample: Service) -> None:
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        await expire_overdue(unit)


async def test_of_two_who_approve_at_once_one_does(app: FastAPI, proposed: str) -> None:
    async def approve(person: str) -> int:
        async with client_for(app, person, Role.OPERATIONS) as client:
            return (await client.post(f"/approvals/{proposed}/approve", json={})).status_code

    statuses = await asyncio.gather(*(approve(f"person {n}") for n in range(4)))
    assert sorted(statuses) == [200, 409, 409, 409]


async def test_approvals_are_listed_with_filters_for_those_who_may_decide(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, app: FastAPI, proposed: str
) -> None:
    async def found(caller: httpx.AsyncClient, **filters: str) -> list[str]:
        page = (await caller.get("/approvals", params={**filters, "limit": 1000})).json()
        return [each["approval_id"] for each in page["items"]]

    assert proposed in await found(checker, status="PROPOSED", proposed_by="olivia")
    assert await found(checker, kind="dead-letter-discard", status="APPROVED", proposed_by="nobody") == []
    async with client_for(app, "anna", Role.AUDITOR) as auditor, client_for(app, "hans", Role.HR) as other:
        assert proposed in await found(auditor)
        assert (await auditor.post(f"/approvals/{proposed}/approve", json={})).status_code == 403
        assert await found(other) == []
        assert (await other.get(f"/approvals/{proposed}")).status_code == 404
        assert (await other.post(f"/approvals/{proposed}/approve", json={})).status_code == 403


async def test_proposing_and_deciding_are_on_the_audit_log(
    checker: httpx.AsyncClient, app: FastAPI, letters: list[str], proposed: str
) -> None:
    await decided(checker, proposed, "approve", "seen by two")
    async with client_for(app, "anna", Role.AUDITOR) as auditor:
        page = await auditor.get("/audit/entries", params={"object_id": proposed, "limit": 1000})
    entries = [each["entry"] for each in page.json()["items"]]
    assert [(each["action"], each["subject"]) for each in entries] == [
        ("discard_selection", "olivia"),
        ("approve", "oscar"),
    ]
    assert entries[1]["before"] == {"status": "PROPOSED", "proposed_by": "olivia"}
    assert (entries[1]["after"]["status"], entries[1]["after"]["reason"]) == ("APPROVED", "seen by two")
    assert entries[1]["after"]["terms"] == {"ids": letters}


async def test_a_dry_run_shows_what_would_become_of_each_and_proposes_nothing(
    client: httpx.AsyncClient, letters: list[str]
) -> None:
    answer = await client.post(DISCARD, json={**WHY, "ids": letters, "dry_run": True})
    assert [each["result"] for each in answer.json()["items"]] == ["discarded", "discarded"]
    assert answer.status_code == 200
    assert await open_letters(client) == letters


async def test_there_is_nothing_to_propose_where_nothing_is_open(
    client: httpx.AsyncClient, checker: httpx.AsyncClient, letters: list[str], proposed: str
) -> None:
    await decided(checker, proposed, "approve")
    answer = await client.post(DISCARD, json={**WHY, "ids": letters})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-open")
