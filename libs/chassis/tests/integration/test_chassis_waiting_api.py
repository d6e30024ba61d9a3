"""What waits is listed with what it waits for; a release, a discard in bulk and every action are on record."""

from datetime import date
from typing import Any

import httpx
import pytest

from backoffice_chassis import Role, Service
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import as_caller
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.messaging import Batch, dead_letters, parking
from backoffice_events.messaging.dead_letters import Condemned

pytestmark = pytest.mark.integration

GROUP = "notes.business-days"
WHY = {"reason": "the books cannot wait"}


async def wait_behind(sample: Service, *days: date) -> None:
    """Make a dead letter of the first day and park the others behind it."""
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        events = [
            BusinessDayOpened(calendar="US", business_date=day, version=n, status=BusinessDayStatus.OPEN)
            for n, day in enumerate(days, 1)
        ]
        first, *others = Batch.of(unit.connection, events).events
        await dead_letters.write(unit, GROUP, [Condemned(first, "nobody works then")])
        await parking.park(unit.connection, GROUP, others, unit.now)


async def items(client: httpx.AsyncClient, path: str, **filters: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=filters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_outbox_is_shown_by_topic(client: httpx.AsyncClient, sample: Service) -> None:
    await wait_behind(sample, date(2024, 6, 3))
    outbox = (await client.get("/messaging/outbox")).json()
    topic = f"reference.business-days.v1.{GROUP}.dlq"
    assert outbox == {
        "pending": 1,
        "oldest_seconds": 0.0,
        "topics": [{"topic": topic, "pending": 1, "oldest_seconds": 0.0}],
    }


async def test_a_parked_event_names_the_dead_letter_that_it_waits_behind(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await wait_behind(sample, date(2024, 6, 2), date(2024, 6, 3), date(2024, 6, 4))
    [letter] = await items(client, "/messaging/dead-letters")
    page = (await client.get("/messaging/parked", params={"limit": 1})).json()
    [second] = await items(client, "/messaging/parked", cursor=page["next_cursor"])
    parked = [*page["items"], second]
    assert [one["behind"] for one in parked] == [letter["id"]] * 2
    assert [one["offset"] for one in parked] == [1, 2]
    assert parked[0]["event_type"] == "backoffice.reference.business-day-opened.v1"
    assert await items(client, "/messaging/parked", key="GB") == []


async def test_what_nobody_parked_cannot_be_released(client: httpx.AsyncClient) -> None:
    answer = await client.post("/messaging/parked/release", json={**WHY, "consumer": GROUP, "key": "US"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_a_dry_run_does_nothing_and_leaves_no_record(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await wait_behind(sample, date(2024, 6, 3))
    [letter] = await items(client, "/messaging/dead-letters")
    path = f"/messaging/dead-letters/{letter['id']}/redrive"
    assert (await client.post(path, json={**WHY, "dry_run": True})).json()["dry_run"] is True
    selection = {**WHY, "dry_run": True, "consumer": GROUP}
    answer = await client.post("/messaging/dead-letters/discard", json=selection)
    assert [one["result"] for one in answer.json()["items"]] == ["discarded"]
    assert await items(client, "/messaging/dead-letters", status="open") == [letter]
    assert await items(client, "/messaging/actions") == []
    assert await items(client, "/notes") == []


async def test_a_discard_in_bulk_wants_a_criterion(client: httpx.AsyncClient, sample: Service) -> None:
    await wait_behind(sample, date(2024, 6, 3))
    refused = await client.post("/messaging/dead-letters/discard", json=WHY)
    assert refused.status_code == 422
    [letter] = await items(client, "/messaging/dead-letters")
    answer = await client.post("/messaging/dead-letters/discard", json={**WHY, "ids": [letter["id"]]})
    assert answer.json()["terms"] == {"ids": [letter["id"]]}


async def test_a_selection_is_bounded_and_says_what_remains(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await wait_behind(sample, date(2024, 6, 3))
    await wait_behind(sample, date(2024, 6, 4))
    answer = (
        await client.post("/messaging/dead-letters/redrive", json={**WHY, "key": "US", "limit": 1})
    ).json()
    assert (len(answer["items"]), answer["remaining"]) == (1, 1)
    too_many = await client.post("/messaging/dead-letters/redrive", json={**WHY, "limit": 501})
    assert too_many.json()["errors"][0]["field"] == "/body/limit"


async def test_every_action_is_listed_with_who_why_and_outcome(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await wait_behind(sample, date(2024, 6, 2))
    [letter] = await items(client, "/messaging/dead-letters")
    path = f"/messaging/dead-letters/{letter['id']}"
    await client.post(f"{path}/redrive", json=WHY)
    selection = {**WHY, "ids": [letter["id"]]}
    proposed = (await client.post("/messaging/dead-letters/discard", json=selection)).json()
    approve = f"/approvals/{proposed['approval_id']}/approve"
    assert (await client.post(approve, json={}, headers=as_caller("sven", Role.SRE))).status_code == 200
    tried, given_up = await items(client, f"{path}/actions")
    assert (tried["actor"], tried["action"], tried["outcome"]) == (
        "olivia",
        "redrive",
        "failed: nobody works on a Sunday",
    )
    why = f"{WHY['reason']} (proposed by olivia)"
    assert (given_up["actor"], given_up["action"], given_up["why"]) == ("sven", "discard", why)
    assert await items(client, "/messaging/actions", actor="sven") == [given_up]
    assert await items(client, "/messaging/actions", action="release") == []


async def test_a_time_without_zone_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/messaging/dead-letters", params={"failed_from": "2024-06-03T09:30:00"})
    assert answer.json()["errors"][0]["field"] == "/query/failed_from"


async def test_dead_letters_are_found_by_when_they_failed(client: httpx.AsyncClient, sample: Service) -> None:
    await wait_behind(sample, date(2024, 6, 3))
    assert len(await items(client, "/messaging/dead-letters", failed_from="2024-06-03T09:30:00Z")) == 1
    assert await items(client, "/messaging/dead-letters", failed_to="2024-06-03T09:30:00Z") == []


@pytest.mark.parametrize("path", ["/outbox", "/parked", "/actions", "/dead-letters"])
async def test_an_auditor_may_look(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/messaging{path}", headers=as_caller("anna", Role.AUDITOR))).status_code == 200
    finance = await client.get(f"/messaging{path}", headers=as_caller("fred", Role.FINANCE))
    assert finance.status_code == 403


async def test_lag_without_a_broker_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/messaging/lag")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
