"""The books over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
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
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch
from ledger.journals.handlers import book
from ledger.main import build

pytestmark = pytest.mark.integration


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    settings = ServiceSettings(
        database_url=database_url, issuer_url="http://issuer.test", audit_key=AUDIT_KEY, field_keys=FIELD_KEYS
    )
    async with app_for(build(settings, FixedClock())) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "ann", Role.FINANCE) as client:
        yield client


async def take(engine: AsyncEngine, *events: Event) -> Batch:
    async with engine.begin() as connection:
        batch = Batch.of(connection, events, now=datetime(2024, 6, 3, 15, 0, tzinfo=UTC))
        await book(batch)
    return batch


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **params: Any) -> Any:
    answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
async def trades(engine: AsyncEngine, events: Any) -> tuple[Trade, Trade]:
    """Return a purchase that settled on the 4th, and a sale that fails since."""
    bought, sold = events.trade(), events.trade(side=Side.SELL, quantity=Decimal(50), book="EQ-2")
    await take(engine, events.captured(bought), events.captured(sold))
    await take(engine, events.settled(bought), events.failing(sold))
    return bought, sold


async def test_every_route_needs_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


@pytest.mark.parametrize("path", ["/trial-balance", "/journals", "/positions", "/control-totals", "/trades"])
@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.FINANCE, 200),
        (Role.AUDITOR, 200),
        (Role.OPERATIONS, 200),
        (Role.FRONT_OFFICE, 403),
        (Role.HR, 403),
    ],
)
async def test_who_may_read_the_books(app: FastAPI, path: str, role: Role, status: int) -> None:
    async with client_for(app, "somebody", role) as client:
        assert (await client.get(path)).status_code == status


async def test_the_trial_balance_stands_on_each_day(
    client: httpx.AsyncClient, trades: tuple[Trade, Trade]
) -> None:
    def columns(found: Any) -> dict[str, Decimal]:
        assert all("0" in (line["debit_balance"][0], line["credit_balance"][0]) for line in found["lines"])
        return {
            line["account"]: Decimal(line["debit_balance"]) - Decimal(line["credit_balance"])
            for line in found["lines"]
        }

    on_trade_date = await get(client, "/trial-balance", as_of="2024-06-03")
    assert columns(on_trade_date) == {
        "1210": Decimal("1046.00"),
        "1310": Decimal("0"),
        "2110": Decimal("-1054.00"),
        "6110": Decimal("8.00"),
    }
    today = await get(client, "/trial-balance")
    assert columns(today) == {
        "1100": Decimal("-1054.00"),
        "1210": Decimal("0"),
        "1220": Decimal("1046.00"),
        "1310": Decimal("0"),
        "2110": Decimal("0"),
        "6110": Decimal("8.00"),
    }
    assert today["balanced"] is True
    assert today["totals"] == [{"currency": "USD", "debit": "1054.00", "credit": "1054.00"}]
    one_book = await get(client, "/trial-balance", book="EQ-2", as_of="2024-06-03")
    assert columns(one_book)["1310"] == Decimal("-1050.00")
    assert (await get(client, "/trial-balance", as_of="2024-06-02"))["lines"] == []


async def test_a_statement_leads_from_opening_to_closing_balance_page_by_page(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    for _ in range(5):
        trade = events.trade()
        await take(engine, events.captured(trade), events.settled(trade))
    path, lines, cursor = "/accounts/2110/statement", [], None
    while True:
        wanted = {"currency": "USD", "date_from": "2024-06-04", "limit": 2} | (
            {"cursor": cursor} if cursor else {}
        )
        page = await get(client, path, **wanted)
        assert (page["opening_balance"], page["closing_balance"]) == ("-5270.00", "0.00")
        lines += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert Decimal("-5270") + sum(Decimal(line["amount"]) for line in lines) == 0
    assert len({line["journal_id"] for line in lines}) == len(lines) == 5
    whole = await get(client, path, currency="USD")
    assert (whole["opening_balance"], len(whole["items"])) == ("0", 10)
    assert (await get(client, path, currency="EUR"))["closing_balance"] == "0"
    other_book = await get(client, path, currency="USD", book="EQ-9", date_to="2024-06-03")
    assert (other_book["closing_balance"], other_book["items"]) == ("0", [])


async def test_journals_are_found_by_what_people_know_of_them(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any, trades: tuple[Trade, Trade]
) -> None:
    bought, _ = trades
    amended = events.amended(bought, book="EQ-3")
    (received,) = (await take(engine, amended)).events

    async def kinds(**wanted: Any) -> list[str]:
        return [journal["kind"] for journal in (await get(client, "/journals", **wanted))["items"]]

    assert await kinds(trade_id=bought.trade_id) == ["TRADE_DATE", "SETTLEMENT", "REVERSAL", "TRADE_DATE"]
    assert await kinds(book="EQ-2") == ["TRADE_DATE", "FAILING"]
    assert await kinds(isin="US0378331005", kind="FAILING") == ["FAILING"]
    assert await kinds(date_from="2024-06-04", date_to="2024-06-04") == ["SETTLEMENT", "FAILING"]
    assert await kinds(source_event_id=received.event_id) == ["REVERSAL", "TRADE_DATE"]
    assert await kinds(trade_id=new_id()) == []
    page = await get(client, "/journals", limit=4)
    rest = await get(client, "/journals", limit=4, cursor=page["next_cursor"])
    assert [len(page["items"]), len(rest["items"]), rest["next_cursor"]] == [4, 2, None]


async def test_a_journal_shows_what_it_reverses_and_what_reverses_it(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    trade = events.trade()
    await take(engine, events.captured(trade))
    await take(engine, events.cancelled(trade))
    original, reversal = (await get(client, "/journals", trade_id=trade.trade_id))["items"]
    assert original["reversed_by"] == reversal["journal_id"]
    assert reversal["reverses"] == original["journal_id"]
    found = await get(client, f"/journals/{original['journal_id']}")
    assert found == original
    assert found["lines"][0] == {
        "line_number": 1,
        "account": "1310",
        "currency": "USD",
        "debit": "1050.00",
        "credit": "0",
    }
    assert found["movement"]["trade_date_quantity"] == "100"


async def test_positions_tell_settled_from_in_flight_on_each_day(
    client: httpx.AsyncClient, trades: tuple[Trade, Trade]
) -> None:
    today = (await get(client, "/positions"))["items"]
    assert [tuple(position.values()) for position in today] == [
        ("EQ-1", "US0378331005", "100", "100", "0", "0"),
        ("EQ-2", "US0378331005", "-50", "0", "0", "-50"),
    ]
    (before,) = (await get(client, "/positions", as_of="2024-06-03", book="EQ-2"))["items"]
    assert (before["unsettled_quantity"], before["failing_quantity"]) == ("-50", "0")
    assert (await get(client, "/positions", isin="US5949181045"))["items"] == []


async def test_numbers_are_plain_ones_however_small(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    whole = events.trade(quantity=Decimal("100.00000000"))
    tiny = events.trade(quantity=Decimal("0.0000001"), book="EQ-2")
    await take(engine, events.captured(whole), events.settled(whole), events.captured(tiny))
    held = [list(position.values())[2:] for position in (await get(client, "/positions"))["items"]]
    assert held == [
        ["100.00000000", "100.00000000", "0.00000000", "0"],
        ["0.0000001", "0", "0.0000001", "0"],
    ]
    extracts = (await get(client, "/trades"))["items"]
    assert {extract["unsettled_quantity"] for extract in extracts} == {"0.00000000", "0.0000001"}
    journals = (await get(client, "/journals", trade_id=tiny.trade_id))["items"]
    assert journals[0]["movement"]["unsettled_quantity"] == "0.0000001"


async def test_flat_positions_are_left_out(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    trade = events.trade()
    await take(engine, events.captured(trade), events.cancelled(trade))
    assert (await get(client, "/positions"))["items"] == []


async def test_control_totals_prove_the_books(client: httpx.AsyncClient, trades: tuple[Trade, Trade]) -> None:
    totals = await get(client, "/control-totals")
    assert totals["ok"] is True
    assert (totals["trades"], totals["journals"], totals["lines"], totals["movements"]) == (2, 4, 10, 4)
    assert (totals["duplicates"], totals["incomplete_journals"], totals["reversals"]) == (0, 0, 0)
    (dollars,) = totals["currencies"]
    assert (dollars["debit"], dollars["credit"]) == ("4204.00", "4204.00")
    assert (dollars["cash"], dollars["fails_to_deliver"], dollars["payable_unsettled"]) == (
        "-1054.00",
        "1046.00",
        "0.00",
    )


@pytest.fixture
async def superuser(database_url: str, postgres: Any) -> AsyncIterator[Any]:
    """Return a connection that no guard of the books holds back."""
    connection = await asyncpg.connect(
        postgres.url("postgres", database_url.rpartition("/")[2]).replace("+asyncpg", "")
    )
    for table in ("account_balance", "position_balance", "journal_line"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("damage", "control"),
    [
        ("UPDATE account_balance SET debit = debit + 1 WHERE account_code = '1310'", "rollups_equal_lines"),
        ("DELETE FROM account_balance WHERE account_code = '2110'", "rollups_equal_lines"),
        ("UPDATE journal_line SET amount = amount + 1 WHERE account_code = '1310'", "balanced"),
        ("DELETE FROM position_balance", "positions_equal_movements"),
        ("UPDATE position_balance SET settled_quantity = settled_quantity + 1", "positions_add_up"),
    ],
)
async def test_control_totals_find_damage_done_behind_the_guards(
    *,
    client: httpx.AsyncClient,
    trades: tuple[Trade, Trade],
    superuser: Any,
    damage: str,
    control: str,
) -> None:
    await superuser.execute(damage)
    totals = await get(client, "/control-totals")
    assert (totals["ok"], totals[control]) == (False, False)


@pytest.mark.parametrize(
    ("damage", "rollup"),
    [
        (
            "UPDATE account_balance SET debit = debit + 1 WHERE account_code = '1310'",
            "debit 1051.00, credit 0, lines 1",
        ),
        ("DELETE FROM account_balance WHERE account_code = '1310'", "nothing"),
    ],
)
async def test_a_rollup_that_is_not_its_lines_is_named_with_both_sums(
    client: httpx.AsyncClient, trades: tuple[Trade, Trade], superuser: Any, damage: str, rollup: str
) -> None:
    await superuser.execute(damage)
    differences = (await get(client, "/control-totals"))["balance_differences"]
    assert all(" 1310 USD " in each["key"] for each in differences)
    assert all(each["lines"].startswith("debit ") for each in differences)
    assert any(each["rollup"].startswith(rollup) for each in differences), differences


async def test_control_totals_of_empty_books_are_sound(client: httpx.AsyncClient) -> None:
    totals = await get(client, "/control-totals")
    assert (totals["ok"], totals["journals"], totals["currencies"]) == (True, 0, [])


async def test_the_extract_tells_all_of_each_trade(
    client: httpx.AsyncClient, trades: tuple[Trade, Trade]
) -> None:
    items, cursor = [], None
    while True:
        page = await get(client, "/trades", limit=1, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    bought, sold = trades
    assert [item["trade_id"] for item in items] == sorted([bought.trade_id, sold.trade_id])
    extract = next(item for item in items if item["trade_id"] == sold.trade_id)
    assert [journal["kind"] for journal in extract["journals"]] == ["TRADE_DATE", "FAILING"]
    assert extract["journals"][0]["recorded_at"] == "2024-06-03T15:00:00Z"
    assert extract["amounts"] == [{"currency": "USD", "unsettled": "0.00", "fails": "1046.00", "cash": "0"}]
    assert (extract["trade_date_quantity"], extract["failing_quantity"]) == ("-50", "-50")


async def test_a_trade_whose_only_event_was_refused_is_known_without_journals(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    await take(engine, events.captured(events.trade(net_amount=Decimal(1))))
    (extract,) = (await get(client, "/trades"))["items"]
    assert (extract["journals"], extract["settled_quantity"]) == ([], "0")


async def test_the_chart_of_accounts_is_served(client: httpx.AsyncClient) -> None:
    accounts = (await get(client, "/accounts"))["items"]
    assert [account["code"] for account in accounts] == sorted(account["code"] for account in accounts)
    assert {account["code"]: account["normal_side"] for account in accounts}["2110"] == "CREDIT"
    await get(client, "/accounts/9999", 404)


async def set_status(
    client: httpx.AsyncClient, what: str, version: int | None, status: int = 200
) -> httpx.Response:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    answer = await client.post(f"/accounts/6110/{what}", json={"reason": "year end"}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


async def test_finance_closes_and_opens_an_account(
    client: httpx.AsyncClient, engine: AsyncEngine, events: Any
) -> None:
    closed = await set_status(client, "close", 1)
    assert (closed.json()["status"], closed.headers["ETag"]) == ("CLOSED", '"2"')
    captured = events.captured(events.trade())
    assert len((await take(engine, captured)).refused) == 1
    await set_status(client, "close", 2, 409)
    await set_status(client, "open", 1, 412)
    await set_status(client, "open", None, 428)
    await set_status(client, "open", 2)
    assert (await take(engine, captured)).refused == ()
    async with engine.connect() as connection:
        changes = await connection.execute(
            text("SELECT version, status, reason, changed_by FROM account_status_change ORDER BY version")
        )
        assert changes.all() == [(2, "CLOSED", "year end", "ann"), (3, "OPEN", "year end", "ann")]


@pytest.mark.parametrize("reason", ["", " ", "year\nend", "year\x00end", "x" * 501])
async def test_an_account_changes_for_a_reason_in_words_on_one_line(
    client: httpx.AsyncClient, reason: str
) -> None:
    answer = await client.post("/accounts/6110/close", json={"reason": reason}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "/body/reason")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATIONS, Role.SRE])
async def test_nobody_but_finance_closes_accounts(app: FastAPI, role: Role) -> None:
    async with client_for(app, "somebody", role) as client:
        await set_status(client, "close", 1, 403)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/trial-balance?as_of=yesterday", "/query/as_of"),
        ("/trial-balance?as_of=0", "/query/as_of"),
        ("/positions?as_of=20240604", "/query/as_of"),
        ("/journals?date_from=0", "/query/date_from"),
        ("/journals?date_to=0", "/query/date_to"),
        ("/accounts/1100/statement?currency=USD&date_from=0", "/query/date_from"),
        ("/accounts/1100/statement?currency=USD&date_to=0", "/query/date_to"),
        ("/journals?trade_id=1", "/query/trade_id"),
        ("/journals?kind=OTHER", "/query/kind"),
        ("/journals?book=%00", "/query/book"),
        ("/journals?cursor=x", "/query/cursor"),
        ("/journals?limit=0", "/query/limit"),
        ("/positions?isin=" + "X" * 141, "/query/isin"),
        ("/accounts/1100/statement", "/query/currency"),
        ("/accounts/1100/statement?currency=usd", "/query/currency"),
        (
            "/accounts/1100/statement?currency=USD&date_from=2024-06-04&date_to=2024-06-03",
            "/query/date_to",
        ),
        ("/accounts/cash", "/path/code"),
        ("/journals/1", "/path/journal_id"),
    ],
)
async def test_a_wrong_question_is_told_which_field_is_at_fault(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    problem = await get(client, path, 422)
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_journal_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await get(client, f"/journals/{new_id()}", 404))["type"] == "/problems/not-found"
