"""A settlement is taken on its business day, whichever topic is heard first, and never before it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import settlement_samples as a
from settlement_world import World

from backoffice_events.contracts.csd import CsdInstructionSent, CsdStatusAdvised
from backoffice_events.contracts.settlement import InstructionSettled
from backoffice_events.contracts.trading import Trade
from settlement.advices.domain import MOST_DAYS_AHEAD

pytestmark = pytest.mark.integration

TOMORROW = a.SETTLEMENT_DATE + timedelta(days=1)
DAY_AFTER = a.SETTLEMENT_DATE + timedelta(days=2)
FIRST = ("60", "11642.70")


async def instructed(world: World, trade: Trade | None = None) -> tuple[str, str]:
    trade = trade or a.trade()
    batch = await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))
    (sent,) = batch.published
    assert isinstance(sent, CsdInstructionSent)
    return trade.trade_id, sent.message_id


async def waiting(world: World) -> list[tuple[str, date | None]]:
    rows = await world.rows("SELECT instruction_id, effective_date FROM early_advice ORDER BY seq")
    return [(row.instruction_id, row.effective_date) for row in rows]


async def kinds(world: World, trade_id: str) -> list[str]:
    rows = await world.rows(
        "SELECT kind FROM status_event WHERE trade_id = :id ORDER BY status_event_id", id=trade_id
    )
    return [row.kind for row in rows][4:]


async def test_a_confirmation_heard_before_its_day_waits_and_settles_once_the_day_is_heard(
    world: World,
) -> None:
    trade_id, instruction_id = await instructed(world)
    batch = await world.csd(a.confirmation(instruction_id, effective=TOMORROW))
    assert not batch.refused
    assert not batch.published
    assert not await world.due()
    assert await waiting(world) == [(instruction_id, TOMORROW)]
    assert (await world.settlement(trade_id)).state == "INSTRUCTED"

    await world.day(a.opened(TOMORROW, version=3))
    (settled,) = await world.due()
    assert isinstance(settled, InstructionSettled)
    assert settled.effective_date == TOMORROW
    assert (await world.settlement(trade_id)).state == "SETTLED"
    assert await waiting(world) == []
    assert await kinds(world, trade_id) == ["AWAITS_BUSINESS_DAY", "FAILING", "SETTLED"]


async def test_an_advice_behind_one_that_waits_waits_too_and_comes_after_it(world: World) -> None:
    trade_id, instruction_id = await instructed(world)
    rest = a.part(instruction_id, "40", "7761.80", before=FIRST, reference="P2", effective=TOMORROW)
    await world.csd(
        a.part(instruction_id, *FIRST, effective=TOMORROW), a.status_advice(instruction_id, a.failing("CLAC"))
    )
    await world.day(a.opened(TOMORROW, version=3))
    await world.csd(rest)
    assert await waiting(world) == [
        (instruction_id, TOMORROW),
        (instruction_id, None),
        (instruction_id, None),
    ]

    assert len(await world.due()) == 2
    assert (await world.settlement(trade_id)).state == "SETTLED"
    assert await kinds(world, trade_id) == [
        "AWAITS_BUSINESS_DAY",
        "FAILING",
        "SETTLED",
        "STATUS_ADVISED",
        "SETTLED",
    ]


async def test_a_part_of_a_later_day_goes_on_waiting(world: World) -> None:
    trade_id, instruction_id = await instructed(world)
    rest = a.part(instruction_id, "40", "7761.80", before=FIRST, reference="P2", effective=DAY_AFTER)
    await world.csd(a.part(instruction_id, *FIRST, effective=TOMORROW), rest)
    await world.day(a.opened(TOMORROW, version=3))
    await world.due()
    assert (await world.settlement(trade_id)).state == "PARTIALLY_SETTLED"
    assert await waiting(world) == [(instruction_id, DAY_AFTER)]

    await world.day(a.opened(DAY_AFTER, version=5))
    await world.due()
    assert (await world.settlement(trade_id)).state == "SETTLED"


async def test_nobody_else_waits_with_it(world: World) -> None:
    _, early = await instructed(world)
    other_trade, other = await instructed(world)
    await world.csd(a.confirmation(early, effective=TOMORROW), a.confirmation(other))
    assert (await world.settlement(other_trade)).state == "SETTLED"


@pytest.mark.parametrize(
    "effective", [date(2099, 1, 2), a.SETTLEMENT_DATE + timedelta(days=MOST_DAYS_AHEAD + 1)]
)
async def test_a_date_beyond_any_next_business_day_is_refused(world: World, effective: date) -> None:
    trade_id, instruction_id = await instructed(world)
    batch = await world.csd(a.confirmation(instruction_id, effective=effective))
    (refusal,) = batch.refused
    assert (
        f"effective date {effective} has not come: the latest business day on US is 2024-06-04"
        in refusal.reason
    )
    assert (await world.settlement(trade_id)).state == "INSTRUCTED"


async def test_on_a_calendar_no_day_of_which_was_heard_everything_waits_for_the_first(world: World) -> None:
    true_trade, true = await instructed(world, a.trade(settlement_calendar="TARGET"))
    _, false = await instructed(world, a.trade(settlement_calendar="TARGET"))
    batch = await world.csd(a.confirmation(true), a.confirmation(false, effective=date(2099, 1, 2)))
    assert not batch.refused
    await world.due()
    assert len(await waiting(world)) == 2

    await world.day(a.opened(a.SETTLEMENT_DATE, calendar="TARGET"))
    await world.due()
    assert (await world.settlement(true_trade)).state == "SETTLED"
    assert await waiting(world) == []
    (letter,) = await world.rows("SELECT key, status, reason FROM dead_letter")
    assert (letter.key, letter.status) == (false, "open")
    assert "2099-01-02 has not come" in letter.reason


async def test_what_cannot_be_taken_after_the_wait_is_a_dead_letter_and_the_rest_parks_behind_it(
    world: World,
) -> None:
    trade_id, instruction_id = await instructed(world)
    await world.csd(
        a.part(instruction_id, *FIRST, effective=TOMORROW),
        CsdStatusAdvised(message_id=instruction_id, document=b"<broken"),
        a.status_advice(instruction_id, a.failing("CLAC")),
    )
    await world.day(a.opened(TOMORROW, version=3))
    (settled,) = await world.due()

    assert isinstance(settled, InstructionSettled)
    assert settled.settled_quantity == Decimal(60)
    assert await kinds(world, trade_id) == ["AWAITS_BUSINESS_DAY", "FAILING", "SETTLED"]
    (letter,) = await world.rows("SELECT consumer, key, value FROM dead_letter")
    assert (letter.consumer, letter.key, bytes(letter.value)) == (
        "settlement.csd",
        instruction_id,
        b"<broken",
    )
    (parked,) = await world.rows("SELECT consumer, key FROM parked_event")
    assert (parked.consumer, parked.key) == ("settlement.csd", instruction_id)
    assert await waiting(world) == []
