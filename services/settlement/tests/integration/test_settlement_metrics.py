"""What is open is counted by state and by age; what has ended counts no longer."""

from datetime import UTC, date, datetime

import msgspec
import pytest
import settlement_samples as a
from settlement_world import World
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import UnitOfWork
from backoffice_events.metrics import Gauge
from settlement.metrics import EXCEPTIONS, FAILS, TRADES, UNCONFIRMED, measure

pytestmark = pytest.mark.integration

WEDNESDAY = date(2024, 6, 5)


async def measured(world: World) -> None:
    async with world.engine.connect() as connection:
        await measure(UnitOfWork(connection, now=datetime.now(UTC), source="urn:test"))


def counted(gauge: Gauge) -> dict[tuple[str, ...], float]:
    """Return what a gauge counts, without what it finds none of."""
    return {labels: number for labels, number in gauge.standing() if number}


async def instructed(world: World, trade: Trade) -> str:
    await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    (instruction,) = await world.instructions(trade.trade_id)
    return str(instruction.instruction_id)


async def test_trades_on_their_way_are_counted_by_state_and_the_unconfirmed_by_age(world: World) -> None:
    await world.day(a.opened(WEDNESDAY))
    done, unanswered, disputed, amended = (a.trade() for _ in range(4))
    await world.csd(a.confirmation(await instructed(world, done)))
    await instructed(world, a.trade())
    await world.facts(a.captured(unanswered), a.captured(disputed), a.mismatched(disputed.trade_id))
    await world.facts(a.captured(amended), a.confirmed(amended.trade_id))
    await world.facts(a.amended(a.trade(amended.trade_id, version=2)))
    await measured(world)
    assert counted(TRADES) == {("INSTRUCTED",): 1, ("AWAITING_INSTRUCTION",): 3}
    assert counted(UNCONFIRMED) == {("UNCONFIRMED", "2-4"): 2, ("MISMATCHED", "2-4"): 1}


async def test_fails_are_counted_by_the_csds_reason_and_by_age_until_they_settle(engine: AsyncEngine) -> None:
    world = World(engine)
    lacking, odd, unmatched = [await instructed(world, a.trade()) for _ in range(3)]
    await world.csd(
        a.status_advice(lacking, a.ACCEPTED + a.MATCHED + a.pending("LACK")),
        a.status_advice(unmatched, a.ACCEPTED + a.UNMATCHED),
    )
    await measured(world)
    assert counted(EXCEPTIONS) == {("UNMATCHED", "0"): 1}, "no day is open yet"
    await world.day(a.closed(a.SETTLEMENT_DATE), a.opened(WEDNESDAY, version=3))
    await measured(world)
    fails = counted(FAILS)
    assert fails["LACK", "1"] == 1
    assert sum(fails.values()) == 3
    assert counted(EXCEPTIONS) == {("FAILING", "1"): 3, ("UNMATCHED", "1"): 1}
    await world.csd(*(a.confirmation(each, effective=WEDNESDAY) for each in (lacking, odd)))
    await measured(world)
    assert ("LACK", "1") not in counted(FAILS)
    assert sum(counted(FAILS).values()) == 1


async def test_that_nothing_is_open_is_told_as_0(world: World) -> None:
    await measured(world)
    for gauge in (TRADES, UNCONFIRMED, EXCEPTIONS, FAILS):
        assert dict(gauge.standing())
        assert counted(gauge) == {}


async def test_before_its_settlement_date_an_exception_is_not_due(engine: AsyncEngine) -> None:
    world = World(engine)
    await world.day(a.opened(a.TRADE_DATE))
    await world.csd(a.status_advice(await instructed(world, a.trade()), a.ACCEPTED + a.UNMATCHED))
    await measured(world)
    assert counted(EXCEPTIONS) == {("UNMATCHED", "not due"): 1}


@pytest.mark.parametrize("day", [date.min, date.max])
async def test_a_trade_at_the_end_of_time_is_counted_and_keeps_nothing_else_from_being(
    world: World, day: date
) -> None:
    await world.day(a.opened(WEDNESDAY))
    stray = msgspec.structs.replace(a.trade(), trade_date=day)
    await world.facts(a.captured(stray), a.captured(a.trade()))
    await measured(world)
    assert counted(TRADES) == {("AWAITING_INSTRUCTION",): 2}
    assert counted(UNCONFIRMED) == {("UNCONFIRMED", "0"): 1, ("UNCONFIRMED", "2-4"): 1}
