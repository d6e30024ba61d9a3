"""Settlements, messages, exceptions and totals over HTTP."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import settlement_samples as a
from fastapi import FastAPI
from settlement_world import World
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import Role, ServiceSettings
from backoffice_chassis.testing import (
    AUDIT_KEY,
    FIELD_KEYS,
    FixedClock,
    app_for,
    client_for,
    unguarded_routes,
)
from backoffice_events.contracts.csd import CsdInstructionSent
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Side
from settlement.main import build

pytestmark = pytest.mark.integration
UNKNOWN = "01900000-0000-7000-8000-00000000dead"


@pytest.fixture
async def app(engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    url = engine.url.render_as_string(hide_password=False)
    service = build(
        ServiceSettings(
            database_url=url, issuer_url="http://127.0.0.1:1", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
        ),
        FixedClock(),
    )
    async with app_for(service) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "olivia", Role.OPERATIONS) as client:
        yield client


async def settle(world: World, trade: Trade, *, effective: date | None = None) -> str:
    batch = await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    (sent,) = [event for event in batch.published if isinstance(event, CsdInstructionSent)]
    if effective is not None:
        movement = "RECE" if trade.side is Side.BUY else "DELI"
        await world.csd(
            a.status_advice(sent.message_id, a.ACCEPTED + a.MATCHED),
            a.confirmation(
                sent.message_id,
                quantity=str(trade.quantity),
                amount=str(trade.net_amount),
                effective=effective,
                movement=movement,
            ),
        )
    return sent.message_id


async def test_a_settlement_is_shown_with_its_history_and_every_message(
    client: httpx.AsyncClient, world: World
) -> None:
    trade = a.trade()
    instruction_id = await settle(world, trade, effective=a.SETTLEMENT_DATE)

    answer = await client.get(f"/settlements/{trade.trade_id}")
    assert answer.status_code == 200
    assert answer.headers["etag"]
    story = answer.json()
    assert (story["state"], story["confirmed"], story["decision"]) == ("SETTLED", True, "CLEARED")
    assert story["instruction"]["processing"] == {"status": "PACK", "reason": None}
    assert story["instruction"]["settled_quantity"] == "100"
    assert story["instruction"]["remaining_amount"] == "0.00"
    assert [line["kind"] for line in story["history"]][-3:] == ["INSTRUCTED", "STATUS_ADVISED", "SETTLED"]

    messages = (await client.get(f"/instructions/{instruction_id}/messages")).json()
    assert [each["message"] for each in messages] == ["sese.023.001.11", "sese.024.001.12", "sese.025.001.11"]
    assert messages[0]["document"].startswith("<Document")


async def test_what_settled_is_shown_with_the_terms_that_the_csd_was_told(
    client: httpx.AsyncClient, world: World
) -> None:
    trade = a.trade()
    await settle(world, trade, effective=a.SETTLEMENT_DATE)
    turned = Side.SELL if trade.side is Side.BUY else Side.BUY
    await world.facts(a.amended(a.trade(trade.trade_id, version=2, side=turned, book="OTHER")))

    story = (await client.get(f"/settlements/{trade.trade_id}")).json()
    told = {"side": trade.side, "isin": trade.isin, "currency": trade.currency, "book": trade.book}
    assert (story["side"], story["book"]) == (turned, "OTHER")
    assert story["instruction"].items() >= told.items()
    assert story["instructions"][0].items() >= told.items()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 3),
        ({"state": "SETTLED"}, 1),
        ({"state": "INSTRUCTED", "book": "EQ-US"}, 1),
        ({"matching_status": "MACH"}, 1),
        ({"processing_status": "REJT"}, 0),
        ({"failing": "true"}, 1),
        ({"failing": "false"}, 2),
        ({"settlement_date": "2024-06-04"}, 3),
        ({"isin": "US5949181045"}, 0),
        ({"counterparty_lei": "784F5XWPLTWKTBV3E584"}, 3),
        ({"trade_reference": "T-1", "source_system": "EQ-OMS"}, 3),
        ({"late": "true"}, 1),
    ],
)
async def test_settlements_are_found_by_what_is_asked_for(
    client: httpx.AsyncClient, world: World, query: dict[str, str], found: int
) -> None:
    await settle(world, a.trade(), effective=a.SETTLEMENT_DATE)
    await settle(world, a.trade())
    await world.facts(a.captured(a.trade()))
    await world.day(a.closed(a.SETTLEMENT_DATE))

    answer = await client.get("/settlements", params=query)
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == found


async def test_lists_come_in_pages(client: httpx.AsyncClient, world: World) -> None:
    trades = [a.trade() for _ in range(3)]
    await world.facts(*[a.captured(trade) for trade in trades])
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/settlements", params={"limit": 2, **cursor})).json()
        seen += [item["trade_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted(trade.trade_id for trade in trades)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/settlements/{UNKNOWN}", 404),
        ("/settlements/not-an-id", 422),
        ("/instructions/unknown/messages", 404),
        ("/instructions/a%00b/messages", 422),
        ("/settlements?state=DONE", 422),
        ("/settlements?settlement_date=tomorrow", 422),
        ("/settlements?settlement_date=20240604", 422),
        ("/settlements?cursor=xx", 422),
        (f"/exceptions/{UNKNOWN}", 404),
        ("/exceptions?kind=ODD", 422),
        ("/settlement-efficiency?first=0&last=0", 422),
        ("/settlement-efficiency?first=2024-06-04&last=2024-06-03", 422),
        ("/settlement-efficiency?first=2024-06-04&last=9999-01-01", 422),
        ("/control-totals?isin=x", 422),
    ],
)
async def test_bad_requests_are_problems_that_say_what_is_wrong(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


async def open_exception(client: httpx.AsyncClient, world: World) -> dict[str, Any]:
    await settle(world, a.trade())
    await world.day(a.closed(a.SETTLEMENT_DATE), a.closed(date(2024, 6, 5), 4))
    (item,) = (await client.get("/exceptions", params={"status": "OPEN", "kind": "FAILING"})).json()["items"]
    return dict(item)


async def test_an_exception_is_assigned_and_resolved_and_keeps_its_history(
    client: httpx.AsyncClient, world: World
) -> None:
    item = await open_exception(client, world)
    assert item["age"] == 2
    path = f"/exceptions/{item['exception_id']}"

    assigned = await client.post(f"{path}/assign", json={"owner": "oscar"}, headers={"If-Match": '"1"'})
    assert (assigned.status_code, assigned.json()["owner"]) == (200, "oscar")
    resolved = await client.post(f"{path}/resolve", json={"comment": "borrowed the shares"})
    assert resolved.json()["status"] == "RESOLVED"

    history = (await client.get(path)).json()["history"]
    assert [(each["action"], each["actor"]) for each in history] == [
        ("OPENED", None),
        ("ASSIGNED", "olivia"),
        ("RESOLVED", "olivia"),
    ]
    assert (await client.get("/exceptions", params={"owner": "oscar"})).json()["items"][0][
        "status"
    ] == "RESOLVED"


async def test_a_resolved_exception_stays_so_while_its_condition_lasts(
    client: httpx.AsyncClient, world: World
) -> None:
    item = await open_exception(client, world)
    await client.post(f"/exceptions/{item['exception_id']}/resolve", json={"comment": "seen"})
    await world.day(a.closed(date(2024, 6, 6), 6))

    (again,) = (await client.get("/exceptions")).json()["items"]
    assert again["status"] == "RESOLVED"


async def test_an_exception_is_changed_only_while_open_and_by_whom_may(
    client: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    item = await open_exception(client, world)
    path = f"/exceptions/{item['exception_id']}/resolve"
    async with client_for(app, "ada", Role.AUDITOR) as auditor:
        assert (await auditor.post(path, json={"comment": "x"})).status_code == 403
    assert (await client.post(path, json={"comment": "x"}, headers={"If-Match": '"9"'})).status_code == 412
    assert (await client.post(path, json={"comment": " "})).status_code == 422
    assert (await client.post(path, json={"comment": "done"})).status_code == 200
    assert (await client.post(path, json={"comment": "again"})).status_code == 409


async def test_control_totals_are_what_the_csd_confirmed(client: httpx.AsyncClient, world: World) -> None:
    await settle(world, a.trade(), effective=a.SETTLEMENT_DATE)
    await settle(world, a.trade(side=Side.SELL), effective=a.SETTLEMENT_DATE)
    await settle(world, a.trade())

    totals = (await client.get("/control-totals")).json()
    assert totals["confirmations_add_up"] is True
    assert totals["trades"] == 3
    assert totals["by_state"] == {"SETTLED": 2, "INSTRUCTED": 1}
    assert totals["instructed"] == 3
    (row,) = totals["settled"]
    assert (row["received_quantity"], row["delivered_quantity"]) == ("100", "100")
    assert (row["paid_amount"], row["received_amount"]) == ("19404.50", "19404.50")
    assert (await client.get("/control-totals", params={"book": "OTHER"})).json()["settled"] == []


async def test_a_confirmation_too_many_shows_in_the_control_totals(
    client: httpx.AsyncClient, world: World
) -> None:
    trade = a.trade()
    await settle(world, trade, effective=a.SETTLEMENT_DATE)
    again = """
        INSERT INTO confirmation
        SELECT instruction_id, 'TWICE', settled_quantity, settled_amount, effective_date, confirmed_at FROM confirmation
    """
    async with world.engine.begin() as connection:
        await connection.execute(text(again))
    totals = (await client.get("/control-totals")).json()
    assert totals["confirmations_add_up"] is False
    (difference,) = totals["confirmation_differences"]
    assert difference["trade_id"] == trade.trade_id
    assert (difference["settled_quantity"], difference["confirmed_quantity"]) == ("100", "200")
    assert (difference["settled_amount"], difference["confirmed_amount"]) == ("19404.50", "38809.00")


async def test_settlement_efficiency_counts_what_settled_on_its_date(
    client: httpx.AsyncClient, world: World
) -> None:
    await settle(world, a.trade(), effective=a.SETTLEMENT_DATE)
    await settle(world, a.trade(), effective=date(2024, 6, 5))
    await settle(world, a.trade(net_amount=a.trade().net_amount * 2))

    query = {"first": "2024-06-01", "last": "2024-06-30"}
    (row,) = (await client.get("/settlement-efficiency", params=query)).json()
    assert (row["instructions"], row["settled_on_date"]) == (3, 1)
    assert row["percent_by_count"] == "33.33"
    assert row["percent_by_value"] == "25.00"


async def test_a_part_that_settled_late_for_nothing_is_late_all_the_same(
    client: httpx.AsyncClient, world: World
) -> None:
    """A cent for a hundred: the CSD rounds it up for the first part, and the last has nothing left to pay."""
    trade = a.trade(net_amount=Decimal("0.01"))
    batch = await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    first, rest = ("60", "0.01"), ("40", "0.00")
    await world.day(a.opened(date(2024, 6, 5), version=3))
    await world.csd(
        *[
            a.confirmation(
                batch.published[0].key(),
                reference=f"P{number}",
                quantity=quantity,
                amount=amount,
                previously=before,
                remaining=left,
                partial=partial,
                effective=effective,
            )
            for number, (quantity, amount), before, left, partial, effective in (
                (1, first, ("0", "0"), rest, "PAIN", a.SETTLEMENT_DATE),
                (2, rest, first, ("0", "0"), "PARC", date(2024, 6, 5)),
            )
        ]
    )
    assert (await world.settlement(trade.trade_id)).state == "SETTLED"

    query = {"first": "2024-06-01", "last": "2024-06-30"}
    (row,) = (await client.get("/settlement-efficiency", params=query)).json()
    assert (row["instructions"], row["settled_on_date"]) == (1, 0)
    assert row["percent_by_value"] == "100.00"


async def test_no_route_is_open_to_callers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []
