"""A closed account stops what needs it, and nothing else; once it is open again, a redrive books all of it in order."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import Role, ServiceSettings
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock, app_for, client_for
from backoffice_events.cloudevents import encode
from backoffice_events.contracts.base import Event
from backoffice_events.ids import new_id
from backoffice_events.messaging import Transactions
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.processor import Processor
from backoffice_events.records import Record
from ledger.journals.handlers import CONSUMER
from ledger.main import build

pytestmark = pytest.mark.integration

NOW = datetime(2024, 6, 3, 15, 0, tzinfo=UTC)


@pytest.fixture
def processor(engine: AsyncEngine) -> Processor:
    transactions = Transactions(engine, source="urn:backoffice:ledger", clock=lambda: NOW)
    return Processor(CONSUMER, transactions, DeadLetterCap())


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = ServiceSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app, client_for(app, "ann", *Role) as client:
        yield client


def arriving(*events: Event) -> list[Record]:
    return [encode(event, event_id=new_id(), source="urn:backoffice:test", time=NOW) for event in events]


async def set_status(client: httpx.AsyncClient, code: str, what: str) -> None:
    etag = (await client.get(f"/accounts/{code}")).headers["ETag"]
    answer = await client.post(
        f"/accounts/{code}/{what}", json={"reason": "test"}, headers={"If-Match": etag}
    )
    assert answer.status_code == 200, answer.text


async def kinds(client: httpx.AsyncClient, trade_id: str) -> list[str]:
    found = (await client.get("/journals", params={"trade_id": trade_id})).json()["items"]
    return [journal["kind"] for journal in found]


async def waiting(client: httpx.AsyncClient) -> tuple[int, int]:
    status = (await client.get("/messaging/status")).json()
    return status["dead_letters"], status["parked"]


async def test_what_a_closed_account_stopped_is_booked_in_order_after_it_opened(
    client: httpx.AsyncClient, processor: Processor, events: Any
) -> None:
    stopped, other = events.trade(), events.trade(charges=())
    await set_status(client, "6110", "close")
    await processor.process(arriving(events.captured(stopped), events.captured(other)))
    await processor.process(arriving(events.settled(stopped), events.settled(other)))
    await processor.process(arriving(events.cancelled(stopped)))
    assert await kinds(client, other.trade_id) == ["TRADE_DATE", "SETTLEMENT"]
    assert await kinds(client, stopped.trade_id) == []
    assert await waiting(client) == (1, 2)

    (letter,) = (await client.get("/messaging/dead-letters")).json()["items"]
    assert letter["reason"].startswith("account 6110 is closed; open it")
    redrive = f"/messaging/dead-letters/{letter['id']}/redrive"
    still_closed = await client.post(redrive, json={"reason": "too early"})
    assert still_closed.json()["result"] == "failed"
    assert await waiting(client) == (1, 2)

    await set_status(client, "6110", "open")
    done = await client.post(redrive, json={"reason": "account is open again"})
    assert (done.json()["result"], done.json()["followers"]) == ("redriven", 2)
    assert await kinds(client, stopped.trade_id) == ["TRADE_DATE", "SETTLEMENT", "REVERSAL"]
    assert await waiting(client) == (0, 0)
    assert (await client.get("/control-totals")).json()["ok"] is True


async def test_a_cancellation_released_before_its_trade_is_kept_and_takes_it_back_once_it_is_booked(
    client: httpx.AsyncClient, processor: Processor, events: Any
) -> None:
    trade = events.trade()
    await set_status(client, "6110", "close")
    await processor.process(arriving(events.captured(trade), events.cancelled(trade)))
    wanted = {"consumer": CONSUMER.group, "key": trade.trade_id, "reason": "it was cancelled anyhow"}
    released = (await client.post("/messaging/parked/release", json=wanted)).json()
    assert released["follower_refused"].startswith(f"nothing of trade {trade.trade_id} is booked")
    assert await waiting(client) == (2, 0)

    await set_status(client, "6110", "open")
    letters = (await client.get("/messaging/dead-letters")).json()["items"]
    for letter in letters:
        await client.post(f"/messaging/dead-letters/{letter['id']}/redrive", json={"reason": "it is open"})
    assert await kinds(client, trade.trade_id) == ["TRADE_DATE", "REVERSAL"]
    assert await waiting(client) == (0, 0)


async def test_a_fail_redriven_after_the_settlement_behind_it_was_released_leaves_nothing_failing(
    client: httpx.AsyncClient, processor: Processor, events: Any
) -> None:
    trade = events.trade()
    await processor.process(arriving(events.captured(trade)))
    await set_status(client, "2120", "close")
    await processor.process(arriving(events.failing(trade), events.settled(trade)))
    wanted = {"consumer": CONSUMER.group, "key": trade.trade_id, "reason": "it settled"}
    await client.post("/messaging/parked/release", json=wanted)

    await set_status(client, "2120", "open")
    (letter,) = (await client.get("/messaging/dead-letters")).json()["items"]
    redrive = f"/messaging/dead-letters/{letter['id']}/redrive"
    answer = (await client.post(redrive, json={"reason": "it is open"})).json()
    assert "has left 0 to settle" in answer["reason"]
    assert await kinds(client, trade.trade_id) == ["TRADE_DATE", "SETTLEMENT"]


async def test_an_event_that_the_database_refuses_does_not_stop_the_others(
    client: httpx.AsyncClient, processor: Processor, events: Any
) -> None:
    good, bad = events.trade(), events.trade(currency="usd")
    await processor.process(arriving(events.captured(good), events.captured(bad)))
    assert await kinds(client, good.trade_id) == ["TRADE_DATE"]
    assert await waiting(client) == (1, 0)
    (letter,) = (await client.get("/messaging/dead-letters")).json()["items"]
    assert "journal_line_currency_check" in letter["reason"]


async def test_a_batch_redelivered_whole_books_nothing_twice(
    client: httpx.AsyncClient, processor: Processor, events: Any
) -> None:
    trade = events.trade()
    records = arriving(events.captured(trade), events.settled(trade))
    await processor.process(records)
    await processor.process(records)
    assert await kinds(client, trade.trade_id) == ["TRADE_DATE", "SETTLEMENT"]
    assert await waiting(client) == (0, 0)
