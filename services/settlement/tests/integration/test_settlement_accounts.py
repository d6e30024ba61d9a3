"""The accounts of a trade rest encrypted while settlement waits, and the CSD is told them as they are."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import settlement_samples as a
from settlement_world import World
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_chassis import ServiceSettings
from backoffice_chassis.secrecy import command
from backoffice_chassis.secrecy.errors import UnreadableError
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock, engine_for, found_in_clear
from backoffice_cli.stack.testing import Migrated
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import Batch
from settlement.main import build

pytestmark = pytest.mark.integration

MIGRATIONS = Path(__file__).parents[2] / "migrations"
BEFORE_ENCRYPTION = "0005"
ACCOUNTS = (
    a.PARTIES.safekeeping_account,
    a.PARTIES.cash_account,
    a.PARTIES.counterparty_account,
)
TOLD_THE_CSD = {"status_event.document"}
"""The messages themselves are kept byte for byte: docs/operators.md says why in clear."""


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


async def test_no_account_rests_in_clear_but_in_messages_to_the_csd(world: World) -> None:
    trade, other = a.trade(), a.trade()
    await world.facts(a.captured(trade), a.captured(other))
    assert await clear_places(world) == set()
    told = await instruct(world, trade)
    assert [each for each in ACCOUNTS if each not in told] == []
    assert await clear_places(world) == TOLD_THE_CSD
    assert await keys("renew", world) == 0
    again = await instruct(world, other)
    assert [each for each in ACCOUNTS if each not in again] == []


async def test_trades_in_clear_before_the_upgrade_are_instructed_and_then_encrypted(
    upgraded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_AT_A_TIME", 2)
    trades = [a.trade() for _ in range(5)]
    await upgraded.facts(*map(a.captured, trades))
    assert await clear_places(upgraded) == {"settlement.terms"}, "the release before reads it yet"
    await instruct(upgraded, trades[0])
    assert await keys("encrypt", upgraded) == 0
    assert await clear_places(upgraded) == TOLD_THE_CSD
    told = await instruct(upgraded, trades[1])
    assert [each for each in ACCOUNTS if each not in told] == []
    changed = a.trade(trade_id=trades[2].trade_id, version=2)
    await upgraded.facts(a.amended(changed))
    assert await clear_places(upgraded) == TOLD_THE_CSD


async def test_accounts_moved_to_another_trade_are_not_instructed(world: World) -> None:
    trade, other = a.trade(), a.trade()
    await world.facts(a.captured(trade), a.captured(other))
    theft = "UPDATE settlement SET accounts = (SELECT accounts FROM settlement WHERE trade_id = :other)"
    async with world.engine.begin() as connection:
        await connection.execute(text(theft), {"other": other.trade_id})
    with pytest.raises(UnreadableError, match=f"row {trade.trade_id} does not open"):
        await instruct(world, trade)
    assert await instruct(world, other)
