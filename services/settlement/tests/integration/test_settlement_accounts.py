"""The accounts of a trade rest encrypted while settlement waits, and the CSD is told them as they are."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import settlement_samples as a
from msgspec.structs import replace
from settlement_world import World
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.key_text import new_key_ring
from backoffice_chassis.secrecy import command
from backoffice_chassis.secrecy.errors import MissingKeyError, UnreadableError
from backoffice_chassis.secrecy.keys import with_ring
from backoffice_chassis.secrecy.ring import KeyRing
from backoffice_chassis.secrecy.transit import EventKeys, sealed, with_event_keys
from backoffice_chassis.testing import (
    AUDIT_KEY,
    EVENT_KEYS,
    FIELD_KEYS,
    FixedClock,
    engine_for,
    found_in_clear,
)
from backoffice_cli.stack.testing import Migrated
from backoffice_events.cloudevents import encode
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.csd import CsdInstructionSent
from backoffice_events.contracts.trading import Trade
from backoffice_events.ids import new_id
from backoffice_events.messaging import Batch, Transactions
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.processor import Processor
from backoffice_events.records import Record
from settlement.main import build
from settlement.processes.handlers import CONSUMER as FACTS
from settlement.processes.views import history_of

pytestmark = pytest.mark.integration

SHARED = EventKeys(EVENT_KEYS.get_secret_value())
RING = with_ring(KeyRing(FIELD_KEYS.get_secret_value()))
MIGRATIONS = Path(__file__).parents[2] / "migrations"
BEFORE_ENCRYPTION = "0005"
NOW = datetime(2024, 6, 3, 15, tzinfo=UTC)
ACCOUNTS = (
    a.PARTIES.safekeeping_account,
    a.PARTIES.cash_account,
    a.PARTIES.counterparty_account,
)


@pytest.fixture
async def upgraded(migrated_database: Migrated) -> Any:
    """Return the service on a database that a release made which did not encrypt."""
    engine = engine_for(await migrated_database.upgraded(MIGRATIONS, BEFORE_ENCRYPTION))
    yield World(engine)
    await engine.dispose()


def url_of(engine: AsyncEngine) -> str:
    return engine.url.render_as_string(hide_password=False)


async def clear_places(world: World) -> set[str]:
    return {place for place, _ in await found_in_clear(url_of(world.engine), ACCOUNTS)}


async def keys(verb: str, world: World) -> int:
    settings = ServiceSettings(
        database_url=url_of(world.engine),
        issuer_url="http://issuer.test",
        audit_key=AUDIT_KEY,
        field_keys=FIELD_KEYS,
    )
    return await asyncio.to_thread(command.main, build(settings, FixedClock()), verb)


async def instruct(world: World, trade: Trade) -> str:
    """Let a trade that was taken before be confirmed and cleared; return what the CSD is told."""
    batch: Batch = await world.facts(a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    [sent] = batch.published
    return str(getattr(sent, "document", b"").decode())


async def messages(world: World, trade: Trade) -> list[str]:
    """Return what the history of a trade shows of its messages with the CSD."""
    async with world.engine.connect() as connection:
        history = await history_of(connection, trade.trade_id)
    return [each["document"] for each in history if each["document"] is not None]


async def test_no_account_rests_in_clear(world: World) -> None:
    trade, other = a.trade(), a.trade()
    await world.facts(a.captured(trade), a.captured(other))
    assert await clear_places(world) == set()
    told = await instruct(world, trade)
    assert [each for each in ACCOUNTS if each not in told] == []
    assert await clear_places(world) == set()
    assert await keys("renew", world) == 0
    assert await messages(world, trade) == [told]
    again = await instruct(world, other)
    assert [each for each in ACCOUNTS if each not in again] == []


async def test_trades_in_clear_before_the_upgrade_are_instructed_and_then_encrypted(
    upgraded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_AT_A_TIME", 2)
    trades = [a.trade() for _ in range(5)]
    await upgraded.facts(*map(a.captured, trades))
    assert await clear_places(upgraded) == {"settlement.terms"}, "the release before reads it yet"
    message = await instruct(upgraded, trades[0])
    assert await clear_places(upgraded) == {"settlement.terms", "status_event.document"}
    assert await keys("encrypt", upgraded) == 0
    assert await clear_places(upgraded) == set()
    assert await messages(upgraded, trades[0]) == [message]
    assert await keys("renew", upgraded) == 0
    assert await messages(upgraded, trades[0]) == [message]
    told = await instruct(upgraded, trades[1])
    assert [each for each in ACCOUNTS if each not in told] == []
    changed = a.trade(trade_id=trades[2].trade_id, version=2)
    await upgraded.facts(a.amended(changed))
    assert await clear_places(upgraded) == set()


async def test_accounts_moved_to_another_trade_are_not_instructed(world: World) -> None:
    trade, other = a.trade(), a.trade()
    await world.facts(a.captured(trade), a.captured(other))
    theft = "UPDATE settlement SET accounts = (SELECT accounts FROM settlement WHERE trade_id = :other)"
    async with world.engine.begin() as connection:
        await connection.execute(text(theft), {"other": other.trade_id})
    with pytest.raises(UnreadableError, match=f"of {trade.trade_id} does not open"):
        await instruct(world, trade)
    assert await instruct(world, other)


async def test_a_process_without_the_key_waits_for_it_and_condemns_no_event(world: World) -> None:
    trade = a.trade()
    await world.facts(a.captured(trade))
    newer = KeyRing(new_key_ring().replace("1:", "2:", 1))
    with pytest.raises(MissingKeyError, match="which BACKOFFICE_FIELD_KEYS lacks"):
        await process(world, with_ring(newer), a.confirmed(trade.trade_id))
    assert await world.rows("SELECT 1 FROM dead_letter") == []


async def test_accounts_that_came_encrypted_rest_encrypted_and_the_csd_is_told_them(world: World) -> None:
    trade = a.trade()
    said = sealed(a.captured(trade), SHARED)
    assert [each for each in ACCOUNTS if each in str(said)] == []
    await world.facts(said)
    assert await clear_places(world) == set()
    told = await instruct(world, trade)
    assert [each for each in ACCOUNTS if each not in told] == []


async def test_a_trade_that_is_instructed_in_the_batch_that_brought_it_has_its_accounts(world: World) -> None:
    trade = a.trade()
    batch = await world.facts(
        sealed(a.captured(trade), SHARED), a.confirmed(trade.trade_id), a.cleared(trade.trade_id)
    )
    [told] = batch.published
    assert isinstance(told, CsdInstructionSent)
    assert [each for each in ACCOUNTS if each.encode() not in told.document] == []


@pytest.mark.parametrize("given", [None, EventKeys(new_key_ring().replace("1:", "2:", 1))])
async def test_a_process_without_the_key_of_events_waits_for_it(
    world: World, given: EventKeys | None
) -> None:
    said = sealed(a.captured(a.trade()), SHARED)
    with pytest.raises(MissingKeyError, match="BACKOFFICE_EVENT_KEYS"):
        await process(world, RING | with_event_keys(given), said)
    assert await world.rows("SELECT 1 FROM dead_letter") == []


async def test_accounts_of_another_trade_or_of_nobody_make_a_dead_letter(world: World) -> None:
    one, other = (sealed(a.captured(a.trade()), SHARED) for _ in range(2))
    forged = [
        replace(one, sealed_accounts=other.sealed_accounts),
        replace(other, sealed_accounts="enc1"),
    ]
    behind = a.confirmed(one.trade.trade_id)
    await process(world, RING | with_event_keys(SHARED), *forged, behind)
    letters = await world.rows("SELECT reason FROM dead_letter ORDER BY seq")
    assert [letter.reason.split()[0] for letter in letters] == ["trading.trades.v1.sealed_accounts", "The"]
    assert len(await world.rows("SELECT 1 FROM parked_event")) == 1
    assert await world.rows("SELECT 1 FROM settlement") == []


async def test_a_message_shows_its_accounts_whoever_sent_it(world: World) -> None:
    trade = a.trade()
    await world.facts(a.captured(trade))
    told = await instruct(world, trade)
    [instruction] = await world.instructions(trade.trade_id)
    accepted = a.status_advice(instruction.instruction_id, a.ACCEPTED + a.MATCHED)
    await world.csd(accepted)
    assert await messages(world, trade) == [told, accepted.document.decode()]
    stored = await world.rows("SELECT accounts FROM status_event WHERE document IS NOT NULL ORDER BY 1")
    assert [row.accounts[:5] for row in stored] == ["", "enc1:"], "the advice names none"


async def test_a_message_may_be_encrypted_anew_and_nothing_else(world: World) -> None:
    trades = [a.trade(), a.trade()]
    for trade in trades:
        await world.facts(a.captured(trade))
        await instruct(world, trade)
    for change in (
        "accounts = NULL",
        "accounts = ''",
        "accounts = 'ACCT-1'",
        "document = NULL",
        "document = replace(encode(document, 'escape'), 'APMT', 'FREE')::bytea",
        "accounts = 'enc1:x', kind = 'X'",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            async with world.engine.begin() as connection:
                await connection.execute(text(f"UPDATE status_event SET {change} WHERE document IS NOT NULL"))  # noqa: S608
    theft = (
        "UPDATE status_event SET accounts = (SELECT max(accounts) FROM status_event WHERE trade_id = :other)"
    )
    async with world.engine.begin() as connection:
        await connection.execute(
            text(f"{theft} WHERE document IS NOT NULL AND trade_id = :one"),
            {"one": trades[0].trade_id, "other": trades[1].trade_id},
        )
    with pytest.raises(UnreadableError, match="does not open"):
        await messages(world, trades[0])
    assert len(await messages(world, trades[1])) == 1


async def process(world: World, secrecy: dict[str, Any], *events: Event) -> None:
    """Have events processed by a process that was given other keys."""
    engine = create_async_engine(world.engine.url, execution_options=secrecy)
    transactions = Transactions(engine, source="urn:test", clock=lambda: NOW)
    sent = [encode(event, event_id=new_id(), source="urn:test", time=NOW) for event in events]
    records = [
        Record(each.topic, each.key, each.value, each.headers, partition=0, offset=offset)
        for offset, each in enumerate(sent)
    ]
    try:
        await Processor(FACTS, transactions, DeadLetterCap(share=1.0)).process(records)
    finally:
        await engine.dispose()
