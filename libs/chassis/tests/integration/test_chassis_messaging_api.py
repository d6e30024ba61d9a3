"""What a consumer could not take is listed, shown with its bytes, redriven and discarded, with who and why."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from backoffice_chassis import Role, Service
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import app_for, as_caller, client_for
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.messaging import Batch, dead_letters
from backoffice_events.messaging.dead_letters import Condemned

pytestmark = pytest.mark.integration

NOBODYS = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

KEY = {"Idempotency-Key": "once"}
WHY = {"reason": "the holiday was a mistake"}


async def condemn(
    sample: Service, *days: date, reason: str = "nobody works then", calendar: str = "US"
) -> None:
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        events = [
            BusinessDayOpened(calendar=calendar, business_date=day, version=n, status=BusinessDayStatus.OPEN)
            for n, day in enumerate(days, 1)
        ]
        batch = Batch.of(unit.connection, events)
        items = [Condemned(received, reason) for received in batch.events]
        await dead_letters.write(unit, "notes.business-days", items)


async def listed(client: httpx.AsyncClient, **filters: str) -> list[dict[str, Any]]:
    answer = await client.get("/messaging/dead-letters", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_status_counts_what_waits(client: httpx.AsyncClient, sample: Service) -> None:
    await condemn(sample, date(2024, 6, 3))
    status = (await client.get("/messaging/status")).json()
    assert status == {"outbox_pending": 1, "outbox_oldest_seconds": 0.0, "dead_letters": 1, "parked": 0}


async def test_a_dead_letter_is_shown_with_its_reason_and_original_bytes(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await condemn(sample, date(2024, 6, 3))
    [summary] = await listed(client, status="open", consumer="notes.business-days", reason="NOBODY")
    letter = (await client.get(f"/messaging/dead-letters/{summary['id']}")).json()
    assert letter["reason"] == "nobody works then"
    assert '"2024-06-03"' in letter["value"]
    assert ["ce_type", "backoffice.reference.business-day-opened.v1"] in letter["headers"]


async def test_a_filter_that_nothing_matches_lists_nothing(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await condemn(sample, date(2024, 6, 3))
    assert await listed(client, status="discarded") == []
    assert await listed(client, consumer="others") == []


async def test_a_redrive_lets_it_take_effect_once_and_records_who_and_why(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await condemn(sample, date(2024, 6, 3))
    [letter] = await listed(client)
    path = f"/messaging/dead-letters/{letter['id']}/redrive"
    first, again = await client.post(path, json=WHY), await client.post(path, json=WHY)
    assert (first.status_code, first.json()["result"]) == (200, "redriven")
    assert (again.status_code, again.json()["result"]) == (200, "already done")
    assert len((await client.get("/notes")).json()["items"]) == 1
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        action = (await unit.connection.execute(text("SELECT actor, why FROM dead_letter_action"))).one()
    assert tuple(action) == ("olivia", WHY["reason"])


async def test_what_is_refused_again_stays_open_with_the_new_reason(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await condemn(sample, date(2024, 6, 2))
    [letter] = await listed(client)
    answer = (await client.post(f"/messaging/dead-letters/{letter['id']}/redrive", json=WHY)).json()
    assert (answer["result"], answer["reason"]) == ("failed", "nobody works on a Sunday")
    [letter] = await listed(client, status="open")
    assert (letter["attempts"], letter["reason"]) == (2, "nobody works on a Sunday")


async def test_a_selection_is_redriven_oldest_first(client: httpx.AsyncClient, sample: Service) -> None:
    await condemn(sample, date(2024, 6, 3), date(2024, 6, 2), date(2024, 6, 4))
    selection = {**WHY, "failure": "nobody", "limit": 10}
    answer = await client.post("/messaging/dead-letters/redrive", json=selection)
    assert [each["result"] for each in answer.json()["items"]] == ["redriven", "failed", "redriven"]
    assert answer.json()["remaining"] == 0


async def test_as_many_requests_as_the_pool_has_connections_do_not_wait_for_one_another(
    sample: Service,
) -> None:
    for calendar in ("US", "GB", "DE"):
        await condemn(sample, date(2024, 6, 3), calendar=calendar)
    narrow = sample.settings.model_copy(update={"database_pool_size": 3})
    async with app_for(replace(sample, settings=narrow)) as app, client_for(app) as client:
        ids = [letter["id"] for letter in await listed(client)]
        path, dry = "/messaging/dead-letters", {**WHY, "dry_run": True}
        planned = await asyncio.gather(
            *[client.post(f"{path}/discard", json={**dry, "ids": [each]}) for each in ids]
        )
        answers = await asyncio.gather(
            *[client.post(f"{path}/{each}/redrive", json=WHY, headers=KEY) for each in ids]
        )
    assert [each.status_code for each in (*planned, *answers)] == [200] * 6


async def test_a_redrive_under_a_key_is_answered_again_as_it_was_and_a_selection_takes_none(
    client: httpx.AsyncClient, sample: Service
) -> None:
    await condemn(sample, date(2024, 6, 3))
    [letter] = await listed(client)
    path = f"/messaging/dead-letters/{letter['id']}/redrive"
    first, again = [await client.post(path, json=WHY, headers=KEY) for _ in range(2)]
    assert first.json()["result"] == again.json()["result"] == "redriven"
    assert again.headers["idempotency-replayed"] == "true"
    refused = await client.post("/messaging/dead-letters/redrive", json=WHY, headers=KEY)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["/header/Idempotency-Key"]


async def discarded(client: httpx.AsyncClient, *ids: str) -> list[dict[str, Any]]:
    """Have olivia propose and oscar approve."""
    proposed = await client.post("/messaging/dead-letters/discard", json={**WHY, "ids": ids})
    path = f"/approvals/{proposed.json()['approval_id']}/approve"
    answer = await client.post(path, json={}, headers=as_caller("oscar", Role.OPERATIONS))
    assert answer.status_code == 200, answer.text
    outcome: list[dict[str, Any]] = answer.json()["outcome"]
    return outcome


async def test_a_discarded_one_stays_on_record(client: httpx.AsyncClient, sample: Service) -> None:
    await condemn(sample, date(2024, 6, 2))
    [letter] = await listed(client)
    [answer] = await discarded(client, letter["id"])
    assert answer["result"] == "discarded"
    assert [each["id"] for each in await listed(client, status="discarded")] == [letter["id"]]


@pytest.mark.parametrize(("path", "status"), [(f"{NOBODYS}/redrive", 404), ("discard", 409)])
async def test_only_operations_and_sre_may_and_they_say_why(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    path, why = f"/messaging/dead-letters/{path}", {**WHY, "ids": [NOBODYS]} if status == 409 else WHY
    auditor = await client.post(path, json=why, headers=as_caller("anna", Role.AUDITOR))
    assert auditor.status_code == 403
    assert (await client.post(path, json={})).json()["errors"][0]["field"] == "/body/reason"
    assert (await client.post(path, json=why)).status_code == status
