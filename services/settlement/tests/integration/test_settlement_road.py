"""From a captured trade to a settled one, on a real database."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import settlement_samples as a
from settlement_world import World
from sqlalchemy import literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.cloudevents import decode, encode
from backoffice_events.contracts.csd import CsdCancellationRequested, CsdInstructionSent, CsdStatusAdvised
from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import Batch
from settlement.advices.handlers import CONSUMER as ADVICES
from settlement.business_days.repository import days_ended_since

pytestmark = pytest.mark.integration

LATER = datetime(2024, 6, 4, 20, tzinfo=UTC)


def only(batch: Batch, kind: type) -> list[object]:
    return [event for event in batch.published if isinstance(event, kind)]


async def instructed(world: World, trade: Trade | None = None) -> tuple[Trade, str]:
    trade = trade or a.trade()
    batch = await world.facts(
        a.captured(trade),
        a.confirmed(trade.trade_id, trade.version),
        a.cleared(trade.trade_id, trade.version),
    )
    (sent,) = batch.published
    assert isinstance(sent, CsdInstructionSent)
    return trade, sent.message_id


async def test_a_confirmed_and_cleared_trade_is_instructed_and_settles(world: World) -> None:
    trade = a.trade()
    await world.facts(a.captured(trade))
    await world.facts(a.cleared(trade.trade_id))
    batch = await world.facts(a.confirmed(trade.trade_id))
    (sent,) = batch.published
    assert isinstance(sent, CsdInstructionSent)

    await world.csd(a.status_advice(sent.message_id, a.ACCEPTED + a.MATCHED))
    assert (await world.settlement(trade.trade_id)).state == "INSTRUCTED"
    batch = await world.csd(a.confirmation(sent.message_id))

    (settled,) = batch.published
    assert isinstance(settled, InstructionSettled)
    assert (settled.settled_quantity, settled.remaining_quantity) == (Decimal(100), Decimal(0))
    assert (settled.settled_amount, settled.remaining_amount) == (Decimal("19404.50"), Decimal(0))
    assert (settled.sequence, settled.trade_version, settled.csd_reference) == (1, 1, "CSD-1")
    assert (await world.settlement(trade.trade_id)).state == "SETTLED"


async def test_a_status_never_settles(world: World) -> None:
    trade, instruction_id = await instructed(world)
    batch = await world.csd(a.status_advice(instruction_id, a.ACCEPTED + a.MATCHED + a.pending("FUTU")))

    assert not batch.published
    (row,) = await world.instructions(trade.trade_id)
    assert (row.processing_status, row.matching_status, row.settlement_status) == ("PACK", "MACH", "PEND")
    assert row.settled_quantity == 0


async def test_a_decision_or_confirmation_may_come_before_the_trade(world: World) -> None:
    trade = a.trade()
    await world.facts(a.cleared(trade.trade_id), a.confirmed(trade.trade_id))
    batch = await world.facts(a.captured(trade))

    assert len(only(batch, CsdInstructionSent)) == 1


async def test_a_confirmation_of_another_reference_counts_whatever_its_version(world: World) -> None:
    """A version counts under its own reference alone, so that of the latest word may be lower than one before."""
    trade = a.trade()
    await world.facts(a.captured(trade), a.cleared(trade.trade_id))
    await world.facts(a.mismatched(trade.trade_id, 1, 3, "C-1"))
    batch = await world.facts(a.confirmed(trade.trade_id, 1, 1, "C-2"))
    assert len(only(batch, CsdInstructionSent)) == 1

    batch = await world.facts(a.confirmed(trade.trade_id, 1, 2, "C-2"))
    batch = await world.facts(a.mismatched(trade.trade_id, 1, 1, "C-3"))
    assert len(only(batch, CsdCancellationRequested)) == 1


async def test_the_same_facts_again_instruct_nothing_more(world: World) -> None:
    trade, _ = await instructed(world)
    batch = await world.facts(a.captured(trade), a.confirmed(trade.trade_id), a.cleared(trade.trade_id))

    assert not batch.published
    assert len(await world.instructions(trade.trade_id)) == 1


async def test_an_amendment_before_instruction_just_moves_on(world: World) -> None:
    trade = a.trade()
    await world.facts(a.captured(trade), a.confirmed(trade.trade_id))
    later = a.trade(trade.trade_id, version=2, quantity=Decimal(90))
    batch = await world.facts(a.amended(later), a.cleared(trade.trade_id))
    assert not batch.published

    await world.facts(a.cleared(trade.trade_id, 2, 2), a.confirmed(trade.trade_id, 2, 2))
    (row,) = await world.instructions(trade.trade_id)
    assert (row.trade_version, row.quantity) == (2, 90)


async def test_an_amendment_after_instruction_cancels_it_and_instructs_the_new_terms(world: World) -> None:
    trade, first = await instructed(world)
    later = a.trade(trade.trade_id, version=2, quantity=Decimal(90))
    batch = await world.facts(
        a.amended(later), a.confirmed(trade.trade_id, 2, 2), a.cleared(trade.trade_id, 2, 2)
    )
    (request,) = batch.published
    assert isinstance(request, CsdCancellationRequested)
    assert request.message_id == first

    batch = await world.csd(a.cancellation_advice(first), a.status_advice(first, a.CANCELLED))
    (sent,) = batch.published
    assert isinstance(sent, CsdInstructionSent)
    old, new = await world.instructions(trade.trade_id)
    assert (old.processing_status, old.live) == ("CAND", False)
    assert (new.instruction_id, new.trade_version, new.live) == (sent.message_id, 2, True)


async def test_an_amendment_that_comes_too_late_calls_a_person(world: World) -> None:
    trade, first = await instructed(world)
    await world.facts(a.amended(a.trade(trade.trade_id, version=2, quantity=Decimal(90))))
    await world.csd(a.confirmation(first))
    await world.csd(a.cancellation_advice(first, "Dnd", "DSET"))
    batch = await world.facts(a.confirmed(trade.trade_id, 2, 2), a.cleared(trade.trade_id, 2, 2))

    assert not batch.published
    assert await world.exceptions(trade.trade_id) == {"AMENDED_AFTER_SETTLEMENT": "OPEN"}
    assert (await world.settlement(trade.trade_id)).state == "SETTLED"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (lambda t: a.cancelled(a.trade(t, version=2)), "CANCELLED_AFTER_SETTLEMENT"),
        (a.mismatched, "UNCONFIRMED_AFTER_SETTLEMENT"),
        (a.held, "NOT_CLEARED_AFTER_SETTLEMENT"),
        (a.blocked, "NOT_CLEARED_AFTER_SETTLEMENT"),
    ],
)
async def test_what_is_taken_back_after_settlement_calls_a_person(
    world: World, word: object, kind: str
) -> None:
    trade, instruction_id = await instructed(world)
    await world.csd(a.confirmation(instruction_id))
    batch = await world.facts(word(trade.trade_id))  # type: ignore[operator]  # parametrised

    assert not batch.published
    assert await world.exceptions(trade.trade_id) == {kind: "OPEN"}


async def test_a_cancelled_trade_is_cancelled_at_the_csd(world: World) -> None:
    trade, instruction_id = await instructed(world)
    batch = await world.facts(a.cancelled(a.trade(trade.trade_id, version=2)))
    assert len(only(batch, CsdCancellationRequested)) == 1

    await world.csd(a.cancellation_advice(instruction_id))
    assert (await world.settlement(trade.trade_id)).state == "CANCELLED"
    assert await world.exceptions(trade.trade_id) == {}


async def test_a_refused_cancellation_calls_a_person_until_it_no_longer_matters(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.facts(a.held(trade.trade_id))
    await world.csd(a.cancellation_advice(instruction_id, "Dnd", "OTHR"))
    assert await world.exceptions(trade.trade_id) == {"CANCELLATION_REFUSED": "OPEN"}

    await world.facts(a.cleared(trade.trade_id, 1, 3))
    assert await world.exceptions(trade.trade_id) == {"CANCELLATION_REFUSED": "CLOSED"}


async def test_a_refusal_stands_though_an_earlier_answer_comes_again(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.facts(a.held(trade.trade_id))
    await world.csd(a.cancellation_advice(instruction_id, "AckdAccptd", "OTHR"))
    await world.csd(a.cancellation_advice(instruction_id, "Dnd", "OTHR"))
    await world.csd(a.cancellation_advice(instruction_id, "AckdAccptd", "OTHR"))

    assert await world.exceptions(trade.trade_id) == {"CANCELLATION_REFUSED": "OPEN"}
    (instruction,) = await world.instructions(trade.trade_id)
    assert instruction.cancellation_status == "DEND"


async def test_parts_add_up_and_are_published_in_sequence(world: World) -> None:
    trade, instruction_id = await instructed(world)
    first = a.part(instruction_id, "60", "11642.70")
    rest = a.part(instruction_id, "40", "7761.80", before=("60", "11642.70"), reference="P2")
    one = await world.csd(first)
    assert (await world.settlement(trade.trade_id)).state == "PARTIALLY_SETTLED"
    again = await world.csd(first, rest)

    (part,), (last,) = one.published, again.published
    assert isinstance(part, InstructionSettled)
    assert isinstance(last, InstructionSettled)
    assert (part.sequence, last.sequence) == (1, 2)
    assert (part.remaining_amount, last.remaining_amount) == (Decimal("7761.80"), Decimal(0))
    assert part.settled_quantity + last.settled_quantity == Decimal(100)
    assert (await world.settlement(trade.trade_id)).state == "SETTLED"


async def test_a_reference_that_comes_again_later_is_held_against_what_was_taken_under_it(
    world: World,
) -> None:
    _, instruction_id = await instructed(world)
    await world.csd(a.part(instruction_id, "60", "11642.70"))
    assert not (await world.csd(a.part(instruction_id, "60", "11642.70"))).refused

    batch = await world.csd(a.part(instruction_id, "70", "1.00"))
    (refusal,) = batch.refused
    assert "P1 confirms 70 for 1.00 on 2024-06-04; it was taken as 60 for 11642.70" in refusal.reason


async def test_the_minor_unit_of_an_amount_survives_the_database(world: World) -> None:
    _, instruction_id = await instructed(world, a.trade(net_amount=Decimal("19400.00")))
    totals = {"previously": ("0", "0.00"), "remaining": ("67", "12998.00"), "partial": "PAIN"}
    batch = await world.csd(a.confirmation(instruction_id, quantity="33", amount="6402.00", **totals))
    assert not batch.refused
    totals = {"previously": ("33", "6402.00"), "remaining": ("66", "12804.01"), "partial": "PAIN"}
    batch = await world.csd(
        a.confirmation(instruction_id, reference="P2", quantity="1", amount="193.99", **totals)
    )
    assert not batch.refused


async def test_over_settlement_is_refused_and_the_rest_of_the_batch_is_taken(world: World) -> None:
    trade, one = await instructed(world)
    other_trade, other = await instructed(world)
    batch = await world.csd(a.confirmation(one, quantity="101"), a.confirmation(other))

    ((refused, reason),) = [(each.received.key, each.reason) for each in batch.refused]
    assert refused == one
    assert "over-settlement" in reason
    assert (await world.settlement(trade.trade_id)).state == "INSTRUCTED"
    assert (await world.settlement(other_trade.trade_id)).state == "SETTLED"


async def test_what_came_before_a_refused_advice_is_taken_and_what_came_after_it_is_not(world: World) -> None:
    trade, instruction_id = await instructed(world)
    broken = CsdStatusAdvised(message_id=instruction_id, document=b"<broken")
    batch = await world.csd(
        a.status_advice(instruction_id, a.ACCEPTED), broken, a.status_advice(instruction_id, a.MATCHED)
    )

    assert [each.received.event for each in batch.refused] == [broken]
    (row,) = await world.instructions(trade.trade_id)
    assert (row.processing_status, row.matching_status) == ("PACK", None)


@pytest.mark.parametrize(
    ("advice", "why"),
    [
        (CsdStatusAdvised(message_id="i", document=b"<Document"), "not well-formed"),
        (CsdStatusAdvised(message_id="i", document=a.confirmation("i").document), "not a valid"),
        (
            CsdStatusAdvised(message_id="k", document=a.status_advice("i", a.MATCHED).document),
            "its key is 'k'",
        ),
        (a.status_advice("nobody", a.MATCHED), "ever sent"),
        (a.confirmation("nobody"), "ever sent"),
    ],
)
async def test_an_advice_that_means_nothing_is_refused_with_the_reason(
    world: World, advice: CsdStatusAdvised, why: str
) -> None:
    batch = await world.csd(advice)
    assert why in batch.refused[0].reason


async def test_the_csd_may_number_its_advices_as_it_likes(world: World) -> None:
    trade, instruction_id = await instructed(world)
    advice = a.confirmation(instruction_id)
    record = encode(advice, event_id="CSD/2024-06-04/17", source="urn:csd", time=LATER)
    async with world.engine.begin() as connection:
        batch = Batch(connection, [decode(record)], now=LATER, source="urn:test")
        await ADVICES.handle(batch)
    assert only(batch, InstructionSettled)
    assert (await world.settlement(trade.trade_id)).state == "SETTLED"


async def test_a_rejected_instruction_calls_a_person_and_an_amendment_sends_another(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.csd(a.status_advice(instruction_id, a.REJECTED))
    assert await world.exceptions(trade.trade_id) == {"REJECTED": "OPEN"}
    assert (await world.settlement(trade.trade_id)).state == "REJECTED"

    later = a.trade(trade.trade_id, version=2)
    batch = await world.facts(
        a.amended(later), a.confirmed(trade.trade_id, 2), a.cleared(trade.trade_id, 2, 2)
    )
    assert len(only(batch, CsdInstructionSent)) == 1
    assert await world.exceptions(trade.trade_id) == {"REJECTED": "CLOSED"}


@pytest.mark.parametrize("asked", [True, False])
async def test_a_remainder_that_the_csd_closed_calls_a_person_since_nothing_will_settle_it(
    world: World, asked: bool
) -> None:
    trade, instruction_id = await instructed(world)
    await world.csd(a.part(instruction_id, "40", "7761.80"))
    if asked:
        await world.facts(a.mismatched(trade.trade_id))
        await world.csd(a.cancellation_advice(instruction_id))
        await world.facts(a.confirmed(trade.trade_id, confirmation_version=3))
    else:
        await world.csd(a.status_advice(instruction_id, a.CANCELLED))

    assert (await world.settlement(trade.trade_id)).state == "PARTIALLY_SETTLED"
    assert (await world.exceptions(trade.trade_id))["REMAINDER_CLOSED"] == "OPEN"


async def test_unmatched_is_on_the_queue_until_it_matches(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.csd(a.status_advice(instruction_id, a.ACCEPTED + a.UNMATCHED))
    assert await world.exceptions(trade.trade_id) == {"UNMATCHED": "OPEN"}

    await world.csd(a.status_advice(instruction_id, a.MATCHED))
    assert await world.exceptions(trade.trade_id) == {"UNMATCHED": "CLOSED"}


async def test_what_came_and_went_within_one_batch_calls_nobody(world: World) -> None:
    trade, instruction_id = await instructed(world)
    unmatched = a.status_advice(instruction_id, a.ACCEPTED + a.UNMATCHED)
    matched = a.status_advice(instruction_id, a.MATCHED)
    await world.csd(unmatched, matched)
    assert await world.exceptions(trade.trade_id) == {}

    await world.csd(unmatched, matched, unmatched)
    assert await world.exceptions(trade.trade_id) == {"UNMATCHED": "OPEN"}


async def test_what_fits_into_no_message_calls_a_person_and_stops_nobody_else(world: World) -> None:
    bad, good = a.trade(currency="usd"), a.trade()
    batch = await world.facts(
        *[
            event
            for t in (bad, good)
            for event in (a.captured(t), a.confirmed(t.trade_id), a.cleared(t.trade_id))
        ]
    )

    assert len(only(batch, CsdInstructionSent)) == 1
    assert await world.exceptions(bad.trade_id) == {"NOT_INSTRUCTABLE": "OPEN"}
    assert (await world.settlement(bad.trade_id)).state == "AWAITING_INSTRUCTION"


async def test_at_the_end_of_the_settlement_date_what_is_unsettled_is_failing_once(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.csd(a.status_advice(instruction_id, a.ACCEPTED + a.MATCHED + a.pending("LACK")))

    assert not (await world.day(a.opened(a.SETTLEMENT_DATE))).published
    batch = await world.day(a.closed(a.SETTLEMENT_DATE))
    (event,) = batch.published
    assert isinstance(event, InstructionFailing)
    assert (event.failing_quantity, event.failing_amount) == (Decimal(100), Decimal("19404.50"))
    assert (event.failed_on, event.reason, event.sequence) == (a.SETTLEMENT_DATE, "LACK", 1)
    assert await world.exceptions(trade.trade_id) == {"FAILING": "OPEN"}

    assert not (await world.day(a.opened(date(2024, 6, 5), 3), a.closed(date(2024, 6, 5), 4))).published


async def test_a_day_that_opens_ends_those_before_it_whose_close_was_never_heard(world: World) -> None:
    """Their topic is compacted: after an outage of days, the latest step may be all that is left of a calendar."""
    trade, _ = await instructed(world)
    tomorrow = a.SETTLEMENT_DATE + timedelta(days=1)
    later, _ = await instructed(world, a.trade(settlement_date=tomorrow))
    batch = await world.day(a.opened(tomorrow, version=3))

    (event,) = batch.published
    assert isinstance(event, InstructionFailing)
    assert (event.trade_id, event.failed_on) == (trade.trade_id, a.SETTLEMENT_DATE)
    assert await world.exceptions(later.trade_id) == {}
    (row,) = await world.rows("SELECT * FROM instruction WHERE failing")
    async with world.engine.connect() as connection:
        counted = days_ended_since(literal("US"), literal(row.settlement_date))
        assert (await connection.execute(select(counted))).scalar_one() == 1
    assert not (await world.day(a.closed(a.SETTLEMENT_DATE))).published


async def test_a_fail_ends_with_its_settlement(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.day(a.closed(a.SETTLEMENT_DATE))
    await world.day(a.opened(date(2024, 6, 5), version=3))
    batch = await world.csd(a.confirmation(instruction_id, effective=date(2024, 6, 5)))

    (event,) = batch.published
    assert isinstance(event, InstructionSettled)
    assert event.sequence == 2
    (row,) = await world.instructions(trade.trade_id)
    assert (row.failing, row.failed_on, row.settled_on) == (False, a.SETTLEMENT_DATE, date(2024, 6, 5))
    assert await world.exceptions(trade.trade_id) == {"FAILING": "CLOSED"}


async def test_an_instruction_that_replaces_a_failing_one_goes_on_failing_and_is_not_said_to_fail_anew(
    world: World,
) -> None:
    trade, first = await instructed(world)
    await world.day(a.closed(a.SETTLEMENT_DATE))
    await world.facts(a.mismatched(trade.trade_id))
    await world.csd(a.cancellation_advice(first))
    await world.facts(a.confirmed(trade.trade_id, confirmation_version=3))

    _, second = await world.instructions(trade.trade_id)
    assert (second.live, second.failing, second.failed_on) == (True, True, a.SETTLEMENT_DATE)
    found = "SELECT instruction_id FROM settlement_exception WHERE kind = 'FAILING' AND status = 'OPEN'"
    assert [row.instruction_id for row in await world.rows(found)] == [second.instruction_id]
    batch = await world.day(a.closed(date(2024, 6, 5), version=4))
    assert not only(batch, InstructionFailing)


async def test_a_fail_ends_with_its_cancellation(world: World) -> None:
    trade, instruction_id = await instructed(world)
    await world.day(a.closed(a.SETTLEMENT_DATE))
    await world.facts(a.cancelled(a.trade(trade.trade_id, version=2)))
    await world.csd(a.cancellation_advice(instruction_id))

    (row,) = await world.instructions(trade.trade_id)
    assert (row.failing, row.failed_on) == (False, a.SETTLEMENT_DATE)
    assert (await world.settlement(trade.trade_id)).state == "CANCELLED"
    assert await world.exceptions(trade.trade_id) == {"FAILING": "CLOSED"}


async def test_a_part_that_settled_leaves_the_rest_failing(world: World) -> None:
    _, instruction_id = await instructed(world)
    await world.csd(a.part(instruction_id, "60", "11642.70"))
    batch = await world.day(a.closed(a.SETTLEMENT_DATE))

    (event,) = batch.published
    assert isinstance(event, InstructionFailing)
    assert (event.failing_quantity, event.failing_amount) == (Decimal(40), Decimal("7761.80"))


async def test_other_calendars_and_later_dates_do_not_fail(world: World) -> None:
    await instructed(world)
    await instructed(world, a.trade(settlement_date=date(2024, 6, 5)))

    assert not (await world.day(a.closed(a.SETTLEMENT_DATE, calendar="TARGET"))).published
    assert len((await world.day(a.closed(a.SETTLEMENT_DATE))).published) == 1


async def test_a_date_that_comes_for_a_trade_not_instructed_calls_a_person(world: World) -> None:
    trade = a.trade()
    await world.facts(a.captured(trade), a.cleared(trade.trade_id))
    await world.day(a.opened(a.SETTLEMENT_DATE))
    (row,) = await world.rows("SELECT * FROM settlement_exception")
    assert (row.kind, row.status) == ("LATE_NOT_INSTRUCTED", "OPEN")
    assert "not confirmed" in row.reason

    await world.facts(a.confirmed(trade.trade_id))
    assert await world.exceptions(trade.trade_id) == {"LATE_NOT_INSTRUCTED": "CLOSED"}


async def test_the_queue_shows_the_reason_that_holds_now(world: World) -> None:
    _, instruction_id = await instructed(world)
    await world.day(a.closed(a.SETTLEMENT_DATE))
    await world.csd(a.status_advice(instruction_id, a.failing("LACK")))

    (found,) = await world.rows("SELECT exception_id, reason, version FROM settlement_exception")
    assert (found.reason, found.version) == (f"unsettled since {a.SETTLEMENT_DATE}: LACK", 2)
    events = await world.rows("SELECT action, comment FROM exception_event ORDER BY exception_event_id")
    assert [(row.action, row.comment) for row in events] == [("OPENED", None), ("RESTATED", found.reason)]


async def test_a_trade_captured_after_its_settlement_date_is_instructed_and_fails_at_the_next_close(
    world: World,
) -> None:
    await world.day(a.closed(a.SETTLEMENT_DATE), a.opened(date(2024, 6, 5), 3))
    await instructed(world)
    batch = await world.day(a.closed(date(2024, 6, 5), 4))

    (event,) = batch.published
    assert isinstance(event, InstructionFailing)
    assert event.failed_on == a.SETTLEMENT_DATE


async def test_a_trade_cancelled_meanwhile_neither_fails_nor_is_late(world: World) -> None:
    trade, _ = await instructed(world)
    await world.facts(a.cancelled(a.trade(trade.trade_id, version=2)))

    assert not (await world.day(a.closed(a.SETTLEMENT_DATE))).published
    assert await world.exceptions(trade.trade_id) == {}


async def test_the_history_holds_every_step_and_message_and_cannot_be_changed(world: World) -> None:
    _, instruction_id = await instructed(world)
    await world.csd(a.status_advice(instruction_id, a.ACCEPTED), a.confirmation(instruction_id))

    rows = await world.rows("SELECT kind, document FROM status_event ORDER BY status_event_id")
    assert [row.kind for row in rows] == [
        "TRADE_TAKEN",
        "CONFIRMED",
        "CLEARED",
        "INSTRUCTED",
        "STATUS_ADVISED",
        "SETTLED",
    ]
    assert bytes(rows[5].document) == a.confirmation(instruction_id).document
    for statement in (
        "UPDATE status_event SET kind = 'X'",
        "DELETE FROM status_event",
        "DELETE FROM confirmation",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            async with world.engine.begin() as connection:
                await connection.exec_driver_sql(statement)


async def test_the_database_itself_refuses_a_second_live_instruction(world: World) -> None:
    await instructed(world)
    copy = (
        'INSERT INTO instruction SELECT (jsonb_populate_record(i, \'{"instruction_id": "x", "number": 2}\')).*'
        " FROM instruction i"
    )
    with pytest.raises(DBAPIError, match="instruction_one_live_per_trade"):
        async with world.engine.begin() as connection:
            await connection.exec_driver_sql(copy)


async def test_business_days_of_one_batch_lock_like_everybody_else(world: World, engine: AsyncEngine) -> None:
    """A roll closes a day and opens the next: what is due by the first and by the second is locked in one go."""
    tomorrow = a.SETTLEMENT_DATE + timedelta(days=1)
    later, _ = await instructed(world, a.trade(settlement_date=tomorrow))
    due, _ = await instructed(world)
    assert later.trade_id < due.trade_id
    lock = text("SELECT FROM settlement WHERE trade_id = :id FOR UPDATE")

    async with engine.begin() as connection:
        await connection.execute(lock, {"id": later.trade_id})
        roll = asyncio.create_task(world.day(a.closed(a.SETTLEMENT_DATE), a.opened(tomorrow, version=3)))
        await world.until_somebody_waits()
        await connection.execute(lock, {"id": due.trade_id})
    assert len(only(await roll, InstructionFailing)) == 1


async def test_a_trade_created_by_another_transaction_meanwhile_is_not_lost(world: World) -> None:
    trade, undisturbed = a.trade(), a.trade()
    async with world.engine.connect() as other:
        await other.begin()
        await world.take_on(other, a.cleared(trade.trade_id))
        waiting = world.start_facts(
            *(a.captured(one) for one in (trade, undisturbed)),
            *(a.confirmed(one.trade_id) for one in (trade, undisturbed)),
        )
        await world.until_somebody_waits()
        await other.commit()
        batch = await waiting

    assert len(only(batch, CsdInstructionSent)) == 1
    row = await world.settlement(trade.trade_id)
    assert (await world.settlement(undisturbed.trade_id)).confirmed
    assert (row.decision, row.state) == ("CLEARED", "INSTRUCTED")
