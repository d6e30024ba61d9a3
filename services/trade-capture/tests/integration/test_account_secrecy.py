"""Account numbers of settlement instructions and trades rest and travel encrypted, and captures go on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from pydantic import SecretStr

from backoffice_chassis import Role, Service
from backoffice_chassis.secrecy import command
from backoffice_chassis.secrecy.transit import EventKeys, opened
from backoffice_chassis.testing import (
    AUDIT_KEY,
    EVENT_KEYS,
    FIELD_KEYS,
    FixedClock,
    app_for,
    as_caller,
    client_for,
    engine_for,
    found_in_clear,
)
from backoffice_cli.stack.testing import Migrated, execute
from backoffice_events.contracts.trading import TradeCaptured
from backoffice_events.messaging import Transactions
from trade_capture.main import MIGRATIONS, TradeCaptureSettings, build
from trade_capture.testing import BROKER, DTC, NOW, OURS, executed, load_world

pytestmark = pytest.mark.integration

CHECKER = as_caller("chen", Role.OPERATIONS)
BEFORE_ENCRYPTION = "0006"
ACCOUNTS = ("S-5299", "C-5299", "S-5493", "C-5493", "ACCT-7781", "ACCT-7782", "ACCT-7783", "ACCT-7784")
CARRIED = ("S-5299", "C-5299", "S-5493")
KEY = f"'{BROKER}', '{DTC}', 'USD'"
VALUES = "'IRVTUS3NXXX', 'ACCT-7781', 'ACCT-7782', '2020-01-01', true"
FORMERLY = f"""
INSERT INTO settlement_instruction VALUES ({KEY}, {VALUES}, 1, 1, now(), 'olga');
INSERT INTO settlement_instruction_version VALUES ({KEY}, {VALUES}, 1, 1, now(), 'olga');
INSERT INTO settlement_instruction_proposal
VALUES (gen_random_uuid(), {KEY}, {VALUES}, 2, 'REJECTED', 'olga', now(), 'chen', now(), 'no');
INSERT INTO approval (approval_id, kind, object_id, terms, status, proposed_by, proposed_at, expires_at)
VALUES (gen_random_uuid(), 'settlement-instruction-change', '{BROKER}/{DTC}/USD',
        '{{"party": "{BROKER}", "place_of_settlement": "{DTC}", "currency": "USD", "agent_bic": "IRVTUS3NXXX",
           "safekeeping_account": "ACCT-7783", "cash_account": "ACCT-7784", "effective_from": "2020-01-01",
           "active": true, "version": 2}}', 'PROPOSED', 'olga', now(), now() + interval '30 days');
UPDATE reference_revision SET revision = 1 WHERE kind = 'settlement-instructions';
"""  # noqa: S608


def service(database_url: str, event_keys: SecretStr | None = EVENT_KEYS) -> Service:
    settings = TradeCaptureSettings(
        database_url=database_url,
        issuer_url="http://issuer.test",
        audit_key=AUDIT_KEY,
        field_keys=FIELD_KEYS,
        event_keys=event_keys,
    )
    return build(settings, FixedClock(NOW))


@asynccontextmanager
async def serving(
    database_url: str, event_keys: SecretStr | None = EVENT_KEYS
) -> AsyncIterator[httpx.AsyncClient]:
    built = service(database_url, event_keys)
    async with app_for(built) as app, client_for(app, "olga", Role.OPERATIONS) as client:
        yield client


async def keys(verb: str, database_url: str) -> int:
    return await asyncio.to_thread(command.main, service(database_url), verb)


async def load_worlds_data(database_url: str) -> None:
    engine = engine_for(database_url)
    async with Transactions(engine, source="urn:test", clock=lambda: NOW).begin() as unit:
        await load_world(unit)
    await engine.dispose()


@pytest.fixture
async def database_url(migrated_database: Callable[[Path], Awaitable[str]]) -> str:
    return await migrated_database(MIGRATIONS)


@pytest.fixture
async def upgraded_url(migrated_database: Migrated) -> str:
    """Return a database in which the release before encryption kept an instruction and a proposal, upgraded."""
    return await migrated_database.upgraded(MIGRATIONS, BEFORE_ENCRYPTION, FORMERLY)


def instruction(**changes: Any) -> dict[str, Any]:
    return {
        "party": BROKER,
        "place_of_settlement": DTC,
        "currency": "USD",
        "agent_bic": "IRVTUS3NXXX",
        "safekeeping_account": "ACCT-7781",
        "cash_account": "ACCT-7782",
        "effective_from": "2020-01-01",
        **changes,
    }


async def capture(client: httpx.AsyncClient, reference: str) -> dict[str, Any]:
    body = msgspec.to_builtins(executed(reference))
    del body["settlement_date"], body["accrued_interest"]
    answer = await client.post("/trades", json=body, headers={"Idempotency-Key": reference})
    assert (answer.status_code, answer.json()["result"]) == (201, "CAPTURED"), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def cancel(client: httpx.AsyncClient, trade_id: str) -> None:
    trade = (await client.get(f"/trades/{trade_id}")).json()["trade"]
    name = {each: trade[each] for each in ("source_system", "trade_reference")}
    body = {**name, "action": "CANCEL", "version": trade["source_version"] + 1, "reason": "bust"}
    answer = await client.post("/trades", json=body)
    assert answer.json()["result"] == "CANCELLED", answer.text


async def shown_accounts(client: httpx.AsyncClient, trade_id: str) -> tuple[str, ...]:
    """Return the accounts that the story of a trade shows."""
    return accounts_in((await client.get(f"/trades/{trade_id}")).json()["state"])


def accounts_in(trade: dict[str, Any]) -> tuple[str, ...]:
    parties = trade["settlement_parties"]
    return parties["safekeeping_account"], parties["cash_account"], parties["counterparty_account"]


async def captured_accounts(database_url: str, trade_id: str) -> tuple[str, ...]:
    """Return the accounts that the event of a capture carries to settlement."""
    said = msgspec.json.decode(await said_of(database_url, trade_id), type=TradeCaptured)
    return accounts_in(msgspec.to_builtins(opened(said, EventKeys(EVENT_KEYS.get_secret_value()))))


async def said_of(database_url: str, trade_id: str) -> bytes:
    """Return the last event of a trade, as it waits to be sent."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    payload = await connection.fetchval(
        "SELECT payload FROM outbox WHERE aggregateid = $1 ORDER BY seq DESC LIMIT 1", trade_id
    )
    await connection.close()
    return bytes(payload)


async def test_no_account_rests_or_travels_in_clear(database_url: str) -> None:
    await load_worlds_data(database_url)
    async with serving(database_url) as client:
        for change in (instruction(), instruction(safekeeping_account="ACCT-7783")):
            loaded = await client.put("/reference/settlement-instructions", json={"rows": [change]})
            waiting = (await client.get("/approvals", params={"status": "PROPOSED"})).json()["items"]
            assert (loaded.json()["proposed"], len(waiting)) == (1, 1)
            assert waiting[0]["terms"]["safekeeping_account"] == change["safekeeping_account"]
            approve = f"/approvals/{waiting[0]['approval_id']}/approve"
            headers = {**CHECKER, "Idempotency-Key": f"k-{waiting[0]['approval_id']}"}
            approved = await client.post(approve, json={}, headers=headers)
            again = await client.post(approve, json={}, headers=headers)
            assert (approved.status_code, again.content) == (200, approved.content)
        rejected = instruction(cash_account="ACCT-7784")
        await client.put("/reference/settlement-instructions", json={"rows": [rejected]})
        captured = await capture(client, "T-1")
        path = f"/reference/settlement-instructions/{BROKER}/{DTC}/USD"
        assert (await client.get(path)).json()["safekeeping_account"] == "ACCT-7783"
        versions = (await client.get(f"{path}/versions")).json()["items"]
        assert [each["record"]["safekeeping_account"] for each in versions] == [
            "S-5493",
            "ACCT-7781",
            "ACCT-7783",
        ]
        listed = (await client.get("/reference/settlement-instructions")).json()["items"]
        assert {each["cash_account"] for each in listed} == {"ACCT-7782", "C-5299", "C-7H6G"}
    assert await captured_accounts(database_url, captured["trade_id"]) == ("S-5299", "C-5299", "ACCT-7783")
    assert await found_in_clear(database_url, ACCOUNTS) == set()


async def test_a_version_may_be_encrypted_anew_and_nothing_else(database_url: str) -> None:
    await load_worlds_data(database_url)
    table = "settlement_instruction_version"
    assert await keys("renew", database_url) == 0
    for change in (
        "safekeeping_account = 'ACCT-7781'",
        "agent_bic = 'GOLDUS33XXX'",
        "cash_account = 'enc1:x', agent_bic = 'GOLDUS33XXX'",
        "version = 7",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await execute(database_url, f"UPDATE {table} SET {change}")  # noqa: S608
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await execute(database_url, f"DELETE FROM {table}")  # noqa: S608
    async with serving(database_url) as client:
        captured = await capture(client, "T-1")
    assert await captured_accounts(database_url, captured["trade_id"]) == ("S-5299", "C-5299", "S-5493")


async def test_an_account_moved_to_another_party_pays_nobody(database_url: str) -> None:
    await load_worlds_data(database_url)
    ours = f"(SELECT safekeeping_account FROM settlement_instruction_version WHERE party = '{OURS}')"  # noqa: S608
    change = f"safekeeping_account = {ours} WHERE party = '{BROKER}'"
    theft = f"UPDATE settlement_instruction_version SET {change}"  # noqa: S608
    await execute(database_url, theft)
    async with serving(database_url) as client:
        body = msgspec.to_builtins(executed("T-1"))
        del body["settlement_date"], body["accrued_interest"]
        answer = await client.post("/trades", json=body)
    assert answer.status_code == 500
    assert not any(account in answer.text for account in ACCOUNTS)


async def test_what_stood_in_clear_before_the_upgrade_is_read_and_then_encrypted(upgraded_url: str) -> None:
    path = f"/reference/settlement-instructions/{BROKER}/{DTC}/USD"
    async with serving(upgraded_url) as client:
        assert (await client.get(path)).json()["cash_account"] == "ACCT-7782"
        [waiting] = (await client.get("/approvals")).json()["items"]
        assert waiting["terms"]["cash_account"] == "ACCT-7784"
        await client.put("/reference/settlement-instructions", json={"rows": [instruction(currency="EUR")]})
        found = {place for place, _ in await found_in_clear(upgraded_url, ACCOUNTS)}
        assert "settlement_instruction.cash_account" in found, "the release before reads it yet"
        assert await keys("encrypt", upgraded_url) == 0
        assert {place for place, _ in await found_in_clear(upgraded_url, ACCOUNTS)} == set()
        approve = f"/approvals/{waiting['approval_id']}/approve"
        approved = await client.post(approve, json={}, headers=CHECKER)
        assert approved.json()["outcome"]["cash_account"] == "ACCT-7784", approved.text
        assert (await client.get(path)).json()["cash_account"] == "ACCT-7784"
    assert {place for place, _ in await found_in_clear(upgraded_url, ACCOUNTS)} == set()


async def test_neither_logs_nor_metrics_nor_problems_tell_an_account(
    database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    await load_worlds_data(database_url)
    async with serving(database_url) as client:
        wrong = instruction(agent_bic="ACCT-7783", account="ACCT-7784")
        answers = [
            await client.put("/reference/settlement-instructions", json={"rows": [instruction(), wrong]}),
            await client.put("/reference/settlement-instructions", json={"rows": {"ACCT-7781": "ACCT-7782"}}),
            await client.get("/reference/settlement-instructions", params={"party": "ACCT-7781"}),
            await client.get("/metrics"),
        ]
        await capture(client, "T-1")
        await execute(database_url, "UPDATE settlement_instruction SET cash_account = 'enc1:broken'")
        answers.append(await client.get("/reference/settlement-instructions"))
    assert answers[-1].status_code == 500
    written = capfd.readouterr()
    assert "UnreadableError" in written.out + written.err, "the defect is logged"
    assert [each for each in ACCOUNTS if each in written.out + written.err] == []
    assert [(a.url, each) for a in answers for each in ACCOUNTS if each in a.text] == []


async def test_the_accounts_of_a_trade_are_shown_and_told_as_they_were(database_url: str) -> None:
    await load_worlds_data(database_url)
    async with serving(database_url) as client:
        trade_id = (await capture(client, "T-1"))["trade_id"]
        assert await shown_accounts(client, trade_id) == CARRIED
        assert await keys("renew", database_url) == 0
        assert await shown_accounts(client, trade_id) == CARRIED
        await cancel(client, trade_id)
        assert await shown_accounts(client, trade_id) == CARRIED
    assert await captured_accounts(database_url, trade_id) == CARRIED
    assert await found_in_clear(database_url, CARRIED) == set()


async def test_without_keys_that_settlement_shares_a_trade_travels_in_clear(database_url: str) -> None:
    await load_worlds_data(database_url)
    async with serving(database_url, event_keys=None) as client:
        trade_id = (await capture(client, "T-1"))["trade_id"]
    said = json.loads(await said_of(database_url, trade_id))
    assert (accounts_in(said["trade"]), said["sealed_accounts"]) == (CARRIED, None)


async def test_trades_in_clear_before_the_upgrade_are_read_and_then_encrypted(
    migrated_database: Migrated,
) -> None:
    upgraded_url = await migrated_database.upgraded(MIGRATIONS, BEFORE_ENCRYPTION)
    await load_worlds_data(upgraded_url)
    async with serving(upgraded_url) as client:
        formerly = (await capture(client, "T-1"))["trade_id"]
        found = {place for place, _ in await found_in_clear(upgraded_url, CARRIED)}
        assert "trade_version.state" in found, "the release before reads it yet"
        assert await keys("encrypt", upgraded_url) == 0
        now = (await capture(client, "T-2"))["trade_id"]
        assert await found_in_clear(upgraded_url, CARRIED) == set()
        for trade_id in (formerly, now):
            assert await shown_accounts(client, trade_id) == CARRIED
            await cancel(client, trade_id)
            assert await captured_accounts(upgraded_url, trade_id) == CARRIED


async def test_a_trades_accounts_may_be_encrypted_anew_and_nothing_else(database_url: str) -> None:
    await load_worlds_data(database_url)
    async with serving(database_url) as client:
        ids = [(await capture(client, name))["trade_id"] for name in ("T-1", "T-2")]
        for change in (
            "accounts = NULL",
            "accounts = 'ACCT-7781'",
            "state = replace(state::text, 'BUY', 'SELL')::json",
            "state = replace(state::text, 'S-5493', 'ACCT-7781')::json, accounts = NULL",
            "accounts = 'enc1:x', version = 7",
        ):
            with pytest.raises(asyncpg.RaiseError, match="append-only"):
                await execute(database_url, f"UPDATE trade_version SET {change}")  # noqa: S608
        another = f"(SELECT accounts FROM trade_version WHERE trade_id = '{ids[1]}')"  # noqa: S608
        await execute(database_url, f"UPDATE trade_version SET accounts = {another}")  # noqa: S608
        answers = [await client.get(f"/trades/{trade_id}") for trade_id in ids]
    assert [each.status_code for each in answers] == [500, 200], "an account of another trade is not shown"
