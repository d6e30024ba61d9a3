"""Held trades over HTTP: one person proposes, another decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis import Role
from backoffice_chassis.testing import client_for
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeHeld
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCancelled, TradeCaptured
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.checks.handlers import Judge
from compliance.metrics import CASES, measure
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.repository import RulebookReader
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

pytestmark = pytest.mark.integration

NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
WHY = {"reason": "checked with the desk"}
Handle = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
async def committed(database: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def handle(
    committed: AsyncEngine,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    employee: Employee,
) -> Handle:
    async with committed.begin() as connection:
        await on_reference(Batch.of(connection, [instrument, counterparty]))
        await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))
        await Screener(IndexReader()).screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))
    judge = Judge(RulebookReader())

    async def run(*events: Event) -> list[Event]:
        async with committed.begin() as connection:
            batch = Batch.of(connection, events, now=NOW)
            await judge.on_trades(batch)
            return list(batch.published)

    return run


@pytest.fixture
def trade(make_trade: Callable[..., Trade]) -> Trade:
    """Return a trade of somebody who was not employed yet."""
    return make_trade(trade_date=date(2019, 12, 31))


@pytest.fixture
async def case_id(handle: Handle, trade: Trade) -> str:
    [held] = await handle(TradeCaptured(trade=trade))
    assert isinstance(held, TradeHeld)
    return held.case_id


@pytest.fixture
async def maker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "mary", Role.COMPLIANCE_OFFICER) as client:
        yield client


@pytest.fixture
async def checker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "chen", Role.COMPLIANCE_OFFICER) as client:
        yield client


async def _decisions(client: httpx.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await client.get("/decisions", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def propose(client: httpx.AsyncClient, case_id: str, resolution: str = "RELEASE") -> str:
    """Return the approval that somebody else has to give."""
    answer = await client.post(f"/cases/{case_id}/propose", json={**WHY, "resolution": resolution})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["approval_id"])


async def decide(client: httpx.AsyncClient, approval_id: str, how: str = "approve") -> httpx.Response:
    return await client.post(f"/approvals/{approval_id}/{how}", json=WHY)


async def test_a_release_needs_two_people_and_clears_the_trade(
    case_id: str, trade: Trade, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    approval_id = await propose(maker, case_id)
    assert (await maker.get(f"/cases/{case_id}")).json()["status"] == "OPEN"
    released = await decide(checker, approval_id)
    assert (released.status_code, released.json()["outcome"]["status"]) == (200, "RELEASED")
    case = (await maker.get(f"/cases/{case_id}")).json()
    assert (case["status"], case["proposed_by"], case["decided_by"]) == ("RELEASED", "mary", "chen")
    assert [step["action"] for step in case["steps"]] == ["OPENED", "RELEASE_APPROVED"]
    [standing] = await _decisions(maker, trade_id=trade.trade_id, latest="true")
    assert (standing["outcome"], standing["decision_version"], standing["decided_by"]) == (
        "CLEARED",
        2,
        "chen",
    )


async def test_a_released_trade_is_announced_with_the_checkers_name(
    case_id: str, maker: httpx.AsyncClient, checker: httpx.AsyncClient, committed: AsyncEngine
) -> None:
    await decide(checker, await propose(maker, case_id))
    async with committed.connect() as connection:
        rows = await connection.execute(text("SELECT type, payload FROM outbox ORDER BY seq"))
        [(event_type, payload)] = [tuple(row) for row in rows]
    assert event_type == "backoffice.compliance.trade-cleared.v1"
    assert msgspec.json.decode(payload)["released_by"] == "chen"


async def test_nobody_approves_what_they_proposed(case_id: str, maker: httpx.AsyncClient) -> None:
    refused = await decide(maker, await propose(maker, case_id))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")


async def test_the_database_itself_refuses_one_person_in_both_roles(
    case_id: str, committed: AsyncEngine
) -> None:
    statement = text(
        "UPDATE compliance_case SET status = 'RELEASED', proposed_by = 'mary', decided_by = 'mary',"
        " closed_at = now() WHERE case_id = :case_id"
    )
    async with committed.connect() as connection:
        with pytest.raises(IntegrityError, match="case_four_eyes"):
            await connection.execute(statement, {"case_id": case_id})


async def test_one_thing_at_a_time_is_proposed_for_a_case(
    case_id: str, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    await propose(maker, case_id, "BLOCK")
    again = await checker.post(f"/cases/{case_id}/propose", json={**WHY, "resolution": "RELEASE"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-proposed")


async def test_an_approved_block_stops_the_trade(
    case_id: str, trade: Trade, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    await decide(checker, await propose(maker, case_id, "BLOCK"))
    [standing] = await _decisions(maker, trade_id=trade.trade_id, latest="true")
    assert (standing["outcome"], standing["reasons"]) == (
        "BLOCKED",
        ["EMPLOYMENT", "LICENCE"],
    )


async def test_a_rejected_proposal_leaves_the_case_in_the_queue(
    case_id: str, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    assert (await decide(checker, await propose(maker, case_id), "reject")).json()["status"] == "REJECTED"
    assert (await maker.get(f"/cases/{case_id}")).json()["status"] == "OPEN"
    assert (await decide(checker, await propose(maker, case_id))).status_code == 200


async def test_a_case_whose_trade_was_amended_can_no_longer_be_decided(
    handle: Handle, case_id: str, trade: Trade, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    approval_id = await propose(maker, case_id)
    await handle(TradeAmended(trade=msgspec.structs.replace(trade, version=2)))
    refused = await decide(checker, approval_id)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/case-closed")
    assert (await checker.get(f"/approvals/{approval_id}")).json()["status"] == "PROPOSED"
    late = await maker.post(f"/cases/{case_id}/propose", json={**WHY, "resolution": "BLOCK"})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/case-closed")


async def test_a_case_whose_trade_was_cancelled_is_closed(
    handle: Handle, case_id: str, trade: Trade, maker: httpx.AsyncClient
) -> None:
    await handle(TradeCancelled(trade=msgspec.structs.replace(trade, version=2), reason="bust"))
    assert (await maker.get(f"/cases/{case_id}")).json()["status"] == "CANCELLED"


async def test_the_work_queue_is_filtered_by_status_reason_and_assignee(
    case_id: str, maker: httpx.AsyncClient
) -> None:
    await maker.post(f"/cases/{case_id}/assign", json={"assignee": "mary"})

    async def found(**filters: str) -> list[str]:
        page = (await maker.get("/cases", params=filters)).json()
        return [case["case_id"] for case in page["items"]]

    assert await found(status="OPEN", reason="EMPLOYMENT", assigned_to="mary") == [case_id]
    assert await found(status="RELEASED") == []
    assert await found(reason="SANCTIONS") == []
    assert await found(assigned_to="chen") == []


async def test_of_two_who_read_the_same_case_and_act_at_once_one_is_told_to_read_again(
    maker: httpx.AsyncClient, checker: httpx.AsyncClient, case_id: str
) -> None:
    read = (await maker.get(f"/cases/{case_id}")).headers["etag"]
    answers = await asyncio.gather(
        *[
            client.post(f"/cases/{case_id}/assign", json={"assignee": "mary"}, headers={"If-Match": read})
            for client in (maker, checker)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_step_on_a_case_that_somebody_else_changed_is_refused(
    case_id: str, maker: httpx.AsyncClient
) -> None:
    read = (await maker.get(f"/cases/{case_id}")).headers["ETag"]
    assigned = {"assignee": "mary"}
    first = await maker.post(f"/cases/{case_id}/assign", json=assigned, headers={"If-Match": read})
    proposal = {**WHY, "resolution": "BLOCK"}
    second = await maker.post(f"/cases/{case_id}/propose", json=proposal, headers={"If-Match": read})
    assert (first.status_code, second.status_code) == (200, 412)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "a\0b"}])
async def test_a_step_needs_a_reason_that_can_be_kept(
    case_id: str, maker: httpx.AsyncClient, body: dict[str, str]
) -> None:
    refused = await maker.post(f"/cases/{case_id}/propose", json={"resolution": "RELEASE", **body})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["/body/reason"]


async def test_an_auditor_reads_and_does_not_decide(app: FastAPI, case_id: str) -> None:
    async with client_for(app, "ann", Role.AUDITOR) as auditor:
        assert (await auditor.get(f"/cases/{case_id}")).status_code == 200
        assert (await auditor.get("/decisions")).status_code == 200
        proposal = {**WHY, "resolution": "RELEASE"}
        assert (await auditor.post(f"/cases/{case_id}/propose", json=proposal)).status_code == 403


async def test_an_unknown_case_is_not_found(maker: httpx.AsyncClient) -> None:
    unknown = "0190f000-0000-7000-8000-00000000ffff"
    assert (await maker.get(f"/cases/{unknown}")).status_code == 404
    proposal = {**WHY, "resolution": "RELEASE"}
    assert (await maker.post(f"/cases/{unknown}/propose", json=proposal)).status_code == 404


async def test_a_decision_replays_to_the_same_findings(
    case_id: str, trade: Trade, maker: httpx.AsyncClient, checker: httpx.AsyncClient
) -> None:
    [decision] = await _decisions(maker, trade_id=trade.trade_id)
    replayed = await maker.get(f"/decisions/{decision['decision_id']}/replay")
    assert replayed.status_code == 200
    assert replayed.json()["same"] is True
    assert replayed.json()["findings"] == decision["findings"]


async def test_open_cases_are_counted_by_status_and_age_until_they_are_decided(
    handle: Handle,
    make_trade: Callable[..., Trade],
    maker: httpx.AsyncClient,
    checker: httpx.AsyncClient,
    committed: AsyncEngine,
) -> None:
    held = await handle(
        *(TradeCaptured(trade=make_trade(trade_id=new_id(), trade_date=date(2019, 12, 31))) for _ in range(3))
    )
    proposed, released, _ = [event.case_id for event in held if isinstance(event, TradeHeld)]
    await propose(maker, proposed)
    await decide(checker, await propose(maker, released))
    async with committed.connect() as connection:
        await measure(UnitOfWork(connection, now=NOW + timedelta(days=6), source="urn:test"))
    assert dict(CASES.standing()) == {
        ("OPEN", "5-9"): 1,
        ("PROPOSED", "5-9"): 1,
        ("OPEN", "0"): 0,
        ("PROPOSED", "0"): 0,
    }
