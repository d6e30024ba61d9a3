"""Rules over HTTP: proposed by one person, in force when another one approved, for the trade dates they say."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from backoffice_chassis import Role
from backoffice_chassis.testing import client_for
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeCaptured
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.checks.handlers import Judge
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.repository import RulebookReader, as_approved
from compliance.screening.domain import FLOOR
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

pytestmark = pytest.mark.integration

DEFAULTS = Path(__file__).parents[2] / "defaults" / "rules.json"
NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
WHY = {"reason": "agreed in committee"}
ISIN = "US0378331005"
RESTRICTED = {"kind": "restricted-list", "isin": ISIN, "outcome": "block", "valid_from": "2024-08-01"}
MakeTrade = Callable[..., Trade]
Agree = Callable[..., Awaitable[dict[str, Any]]]
Judged = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
async def maker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "mary", Role.COMPLIANCE_OFFICER) as client:
        yield client


@pytest.fixture
async def checker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "chen", Role.COMPLIANCE_OFFICER) as client:
        yield client


@pytest.fixture
def agree(maker: httpx.AsyncClient, checker: httpx.AsyncClient) -> Agree:
    async def run(*rules: dict[str, Any]) -> dict[str, Any]:
        proposed = await maker.post("/rule-changes", json={"reason": "a limit", "rules": rules})
        assert proposed.status_code == 201, proposed.text
        path = f"/approvals/{proposed.json()['approval_id']}/approve"
        approved = await checker.post(path, json=WHY)
        assert approved.status_code == 200, approved.text
        story: dict[str, Any] = approved.json()
        return story

    return run


@pytest.fixture
async def committed(
    database: str,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    employee: Employee,
) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        await on_reference(Batch.of(connection, [instrument, counterparty]))
        await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))
        await Screener(IndexReader()).screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))
    yield engine
    await engine.dispose()


@pytest.fixture
def judged(committed: AsyncEngine) -> Judged:
    judge = Judge(RulebookReader())

    async def run(*trades: Trade) -> list[Event]:
        async with committed.begin() as connection:
            batch = Batch.of(connection, [TradeCaptured(trade=trade) for trade in trades], now=NOW)
            await judge.on_trades(batch)
            return list(batch.published)

    return run


async def test_a_restricted_instrument_is_blocked_between_its_dates_only(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    await agree({**RESTRICTED, "valid_to": "2024-08-08"})
    days = [date(2024, 7, 31), date(2024, 8, 1), date(2024, 8, 8), date(2024, 8, 9)]
    outcomes = await judged(*[make_trade(trade_date=day) for day in days])
    assert [type(each) for each in outcomes] == [TradeCleared, TradeBlocked, TradeBlocked, TradeCleared]
    assert isinstance(outcomes[1], TradeBlocked)
    assert outcomes[1].reasons == ("RESTRICTED_LIST",)


async def test_a_watched_instrument_passes_with_a_note(
    agree: Agree, judged: Judged, make_trade: MakeTrade, maker: httpx.AsyncClient
) -> None:
    await agree({"kind": "watch-list", "isin": ISIN, "valid_from": "2024-08-01"})
    [cleared] = await judged(make_trade())
    assert isinstance(cleared, TradeCleared)
    [decision] = (await maker.get("/decisions")).json()["items"]
    [note] = [each for each in decision["findings"] if each["check"] == "WATCH_LIST"]
    assert note["outcome"] == "pass"


async def test_an_unapproved_rule_holds_nobody_up(
    maker: httpx.AsyncClient, judged: Judged, make_trade: MakeTrade
) -> None:
    await maker.post("/rule-changes", json={"reason": "a restriction", "rules": [RESTRICTED]})
    [cleared] = await judged(make_trade())
    assert isinstance(cleared, TradeCleared)


async def test_a_rule_approved_between_two_batches_holds_for_the_second(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    before = await judged(make_trade())
    await agree(RESTRICTED)
    after = await judged(make_trade())
    assert [type(each) for each in before + after] == [TradeCleared, TradeBlocked]


async def test_a_later_row_replaces_and_an_inactive_one_ends_a_rule(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    await agree(RESTRICTED)
    await agree({**RESTRICTED, "outcome": "hold", "valid_from": "2024-08-05"})
    await agree({**RESTRICTED, "active": False, "valid_from": "2024-08-07"})
    days = [date(2024, 8, 2), date(2024, 8, 5), date(2024, 8, 7)]
    outcomes = await judged(*[make_trade(trade_date=day) for day in days])
    assert [type(each) for each in outcomes] == [TradeBlocked, TradeHeld, TradeCleared]


async def test_an_order_at_the_limit_passes_and_one_above_it_is_held(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    await agree(
        {
            "kind": "order-value-limit",
            "scope": "BOOK",
            "name": "EQ-1",
            "currency": "USD",
            "limit": "1000",
            "outcome": "hold",
            "valid_from": "2024-01-01",
        }
    )
    outcomes = await judged(make_trade(), make_trade(quantity=Decimal(101)), make_trade(currency="EUR"))
    assert [type(each) for each in outcomes] == [TradeCleared, TradeHeld, TradeCleared]


async def test_a_position_limit_holds_what_enlarges_the_position_and_lets_out_what_lowers_it(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    await agree(
        {
            "kind": "position-limit",
            "scope": "TRADER",
            "currency": "USD",
            "limit": "1500",
            "outcome": "hold",
            "valid_from": "2024-01-01",
        }
    )
    outcomes = await judged(make_trade(), make_trade())
    outcomes += await judged(make_trade(side=Side.SELL, quantity=Decimal(10)))
    assert [type(each) for each in outcomes] == [TradeCleared, TradeHeld, TradeCleared]


async def test_a_price_outside_the_tolerance_is_held_on_either_side(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    await agree(
        {
            "kind": "price-tolerance",
            "instrument_type": "EQUITY",
            "percent": "10",
            "outcome": "hold",
            "valid_from": "2024-01-01",
        }
    )
    prices = ["9.00", "11.00", "8.99", "11.01"]
    outcomes = await judged(*[make_trade(price=Decimal(price)) for price in prices])
    assert [type(each) for each in outcomes] == [TradeCleared, TradeCleared, TradeHeld, TradeHeld]


async def test_without_a_reference_price_a_trade_clears_with_a_warning(
    agree: Agree, judged: Judged, make_trade: MakeTrade, maker: httpx.AsyncClient
) -> None:
    await agree(
        {
            "kind": "price-tolerance",
            "instrument_type": "EQUITY",
            "percent": "10",
            "outcome": "hold",
            "valid_from": "2024-01-01",
        }
    )
    [cleared] = await judged(make_trade(currency="EUR", price=Decimal(99)))
    assert isinstance(cleared, TradeCleared)
    [decision] = (await maker.get("/decisions")).json()["items"]
    outcomes = {each["check"]: each["outcome"] for each in decision["findings"]}
    assert outcomes["PRICE_TOLERANCE"] == "warn"


async def test_no_trade_clears_while_a_required_sanctions_list_is_missing(
    agree: Agree, judged: Judged, make_trade: MakeTrade
) -> None:
    policy = {"kind": "screening-policy", "threshold": "80", "required_lists": ["ofac-sdn"]}
    await agree({**policy, "valid_from": "2024-01-01"})
    [held] = await judged(make_trade())
    assert isinstance(held, TradeHeld)
    assert held.reasons == ("SANCTIONS",)


async def test_no_policy_asks_for_matches_that_are_not_kept(maker: httpx.AsyncClient) -> None:
    policy = {"kind": "screening-policy", "threshold": str(FLOOR - 1), "valid_from": "2024-01-01"}
    refused = await maker.post("/rule-changes", json={"reason": "hold more", "rules": [policy]})
    assert refused.status_code == 422
    assert "60" in refused.text
    kept = await maker.post(
        "/rule-changes", json={"reason": "hold more", "rules": [{**policy, "threshold": str(FLOOR)}]}
    )
    assert kept.status_code == 201


async def test_nobody_approves_their_own_rules(maker: httpx.AsyncClient, committed: AsyncEngine) -> None:
    change = (await maker.post("/rule-changes", json={"reason": "mine", "rules": [RESTRICTED]})).json()
    refused = await maker.post(f"/approvals/{change['approval_id']}/approve", json=WHY)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")
    forged = (
        "INSERT INTO rule_change (change_id, reason, status, proposed_by, proposed_at, decided_by, approval)"
        " VALUES (gen_random_uuid(), 'mine', 'APPROVED', 'mary', now(), 'mary', 1)"
    )
    async with committed.connect() as connection:
        with pytest.raises(IntegrityError, match="rule_change_four_eyes"):
            await connection.execute(text(forged))


async def test_a_decided_change_is_not_decided_again(
    agree: Agree, checker: httpx.AsyncClient, maker: httpx.AsyncClient
) -> None:
    approval = await agree(RESTRICTED)
    again = await checker.post(f"/approvals/{approval['approval_id']}/reject", json=WHY)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/decided-already")
    [listed] = (await maker.get("/rule-changes")).json()["items"]
    assert (listed["proposed_by"], listed["decided_by"]) == ("mary", "chen")
    story = (await maker.get(f"/rule-changes/{approval['approval_id']}")).json()
    assert [each["rule_id"] for each in story["rules"]] == approval["outcome"]["rules"]


async def test_the_rules_in_force_are_listed_by_date(agree: Agree, maker: httpx.AsyncClient) -> None:
    await agree(RESTRICTED)
    await agree({**RESTRICTED, "active": False, "valid_from": "2024-08-07"})

    async def listed(**filters: str) -> list[str]:
        page = (await maker.get("/rules", params=filters)).json()
        return [each["valid_from"] for each in page["items"]]

    assert await listed(on="2024-08-02", subject=ISIN) == ["2024-08-01"]
    assert await listed(on="2024-08-07") == []
    assert await listed(kind="restricted-list") == ["2024-08-01", "2024-08-07"]


async def test_a_rule_for_some_days_stands_in_for_the_lasting_one_and_a_correction_replaces_it(
    agree: Agree, maker: httpx.AsyncClient
) -> None:
    async def listed(on: str) -> list[tuple[str, str]]:
        page = (await maker.get("/rules", params={"on": on, "subject": ISIN})).json()
        return [(each["valid_from"], each["terms"]["outcome"]) for each in page["items"]]

    await agree({**RESTRICTED, "outcome": "block"})
    await agree({**RESTRICTED, "outcome": "hold", "valid_from": "2024-08-05", "valid_to": "2024-08-07"})
    assert await listed("2024-08-04") == [("2024-08-01", "block")]
    assert await listed("2024-08-07") == [("2024-08-05", "hold")]
    assert await listed("2024-08-08") == [("2024-08-01", "block")]
    await agree({**RESTRICTED, "outcome": "block", "valid_to": "2024-08-09"})
    assert await listed("2024-08-09") == [("2024-08-01", "block")]
    assert await listed("2024-08-10") == []


async def test_the_defaults_that_ship_with_the_service_are_accepted(agree: Agree) -> None:
    shipped = json.loads(DEFAULTS.read_text())
    approval = await agree(*shipped["rules"])
    assert len(approval["outcome"]["rules"]) == len(shipped["rules"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"isin": "US037833100X"}, "isin"),
        ({"outcome": "pass"}, "outcome"),
        ({"valid_from": "yesterday"}, "valid_from"),
        ({"kind": "unheard-of"}, ""),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_malformed_rule_is_refused_by_field(
    maker: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    body = {"reason": "typo", "rules": [{**RESTRICTED, **changes}]}
    refused = await maker.post("/rule-changes", json=body)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"].startswith("/body/rules/0")
    assert error["field"].endswith(field)


@pytest.mark.parametrize("limit", ["NaN", "Infinity", "-1", "1e30", "1.00000000001"])
async def test_a_limit_that_is_no_sane_amount_is_refused(maker: httpx.AsyncClient, limit: str) -> None:
    rule = {"kind": "order-value-limit", "scope": "FIRM", "currency": "USD", "outcome": "hold"}
    body = {"reason": "typo", "rules": [{**rule, "valid_from": "2024-01-01", "limit": limit}]}
    refused = await maker.post("/rule-changes", json=body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["/body/rules/0/limit"]


async def test_a_match_that_nobody_can_have_seen_cannot_be_whitelisted(maker: httpx.AsyncClient) -> None:
    unseen = {"kind": "whitelisting", "lei": "5493001KJTIIGC8Y1R12", "list_kind": "ofac-sdn", "entry_id": "1"}
    body = {"reason": "no", "rules": [{**unseen, "valid_from": "2024-01-01"}]}
    refused = await maker.post("/rule-changes", json=body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["/body/rules/0"]


async def test_a_decision_names_the_rules_that_it_stood_on_though_more_are_approved_meanwhile(
    agree: Agree, committed: AsyncEngine
) -> None:
    day, reader = date(2024, 8, 8), RulebookReader()
    await agree({**RESTRICTED, "valid_to": "2024-08-01"})
    async with committed.begin() as connection:

        async def execute(*statement: Any) -> Any:
            answer = await connection.execute(*statement)
            if not approved_meanwhile:
                approved_meanwhile.append(await agree(RESTRICTED))
            return answer

        approved_meanwhile: list[dict[str, Any]] = []
        slow = cast("AsyncConnection", SimpleNamespace(execute=execute))
        rulebook = await reader.current(slow)
        again = await as_approved(connection, rulebook.version)
        assert rulebook.on(day).restricted == again.on(day).restricted
        assert ISIN in (await reader.current(connection)).on(day).restricted


async def test_a_change_says_one_thing_alone_of_a_subject_from_a_day_on(maker: httpx.AsyncClient) -> None:
    rules = [RESTRICTED, {**RESTRICTED, "valid_from": "2024-09-01"}, {**RESTRICTED, "outcome": "hold"}]
    refused = await maker.post("/rule-changes", json={"reason": "a limit", "rules": rules})
    assert refused.status_code == 422, refused.text
    assert [error["field"] for error in refused.json()["errors"]] == ["/body/rules/2"]


@pytest.mark.parametrize("day", [0, "1970-01-01T00:00:00", "1767225600"])
async def test_a_day_of_a_rule_is_spelt_out(maker: httpx.AsyncClient, day: Any) -> None:
    refused = await maker.post(
        "/rule-changes", json={"reason": "a limit", "rules": [{**RESTRICTED, "valid_from": day}]}
    )
    assert refused.status_code == 422, refused.text
    assert (await maker.get("/rules", params={"on": day})).status_code == 422
