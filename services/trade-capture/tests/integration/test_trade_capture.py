"""Trades taken in from Kafka on a real database: captured once, in order, or queued with every reason."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import Row, Table, select

from backoffice_chassis import Principal
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.trading import (
    TradeAmended,
    TradeCancelled,
    TradeCaptured,
    TradeConfirmed,
    TradeMismatched,
)
from backoffice_events.messaging import Batch, UnitOfWork
from trade_capture.confirmation import handlers as confirmations
from trade_capture.confirmation.tables import confirmation
from trade_capture.repair import queue
from trade_capture.repair.tables import repair_entry, repair_step
from trade_capture.testing import MONDAY, FixedReference, busted, confirming, corrected, executed
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer
from trade_capture.trades.tables import trade, trade_resend, trade_version

pytestmark = pytest.mark.integration

OLGA = Principal("olga", frozenset())


async def take(unit: UnitOfWork, *events: Event, reference: FixedReference | None = None) -> Batch:
    batch = Batch.of(unit.connection, events, now=unit.now)
    await TradeConsumer(
        Capture(reference or FixedReference(), max_trade_age=10, max_settlement_lag=90)
    ).handle(batch)
    return batch


async def confirm(unit: UnitOfWork, *events: Event) -> Batch:
    batch = Batch.of(unit.connection, events, now=unit.now)
    await confirmations.handle(batch)
    return batch


async def rows(unit: UnitOfWork, table: Table) -> Sequence[Row[Any]]:
    return (await unit.connection.execute(select(table).order_by(*table.primary_key.columns))).all()


async def test_a_good_trade_is_captured_enriched_and_published(unit: UnitOfWork) -> None:
    batch = await take(unit, executed())
    (captured,) = batch.published
    assert isinstance(captured, TradeCaptured)
    assert captured.trade.gross_amount == Decimal("21050.00")
    assert captured.trade.net_amount == Decimal("21051.25")
    (row,) = await rows(unit, trade)
    assert (row.trade_id, row.version, row.status) == (captured.trade.trade_id, 1, "CAPTURED")
    assert (row.confirmation_status, row.repaired) == ("UNCONFIRMED", False)


async def test_a_resend_is_recognised_and_has_no_effect(unit: UnitOfWork) -> None:
    await take(unit, executed())
    batch = await take(unit, executed(quantity=Decimal("100.000")), executed())
    assert batch.published == ()
    assert len(await rows(unit, trade)) == 1
    assert len(await rows(unit, trade_resend)) == 2
    assert await rows(unit, repair_entry) == []


async def test_another_content_under_a_used_version_is_refused_and_visible_once(unit: UnitOfWork) -> None:
    await take(unit, executed())
    batch = await take(unit, executed(quantity=Decimal(7)), executed(quantity=Decimal(7)))
    assert batch.published == ()
    (entry,) = await rows(unit, repair_entry)
    assert [reason["code"] for reason in entry.reasons] == ["CONFLICTING_RESEND"]
    assert (await rows(unit, trade))[0].quantity == 100


async def test_versions_of_one_trade_in_one_batch_take_effect_in_order(unit: UnitOfWork) -> None:
    batch = await take(unit, executed(), corrected(), busted(version=3))
    assert [type(event) for event in batch.published] == [TradeCaptured, TradeAmended, TradeCancelled]
    (row,) = await rows(unit, trade)
    assert (row.version, row.source_version, row.status, row.quantity) == (3, 3, "CANCELLED", 101)
    assert [each.change for each in await rows(unit, trade_version)] == ["CAPTURED", "AMENDED", "CANCELLED"]


async def test_what_comes_before_its_predecessor_waits_and_is_taken_in_after_it(unit: UnitOfWork) -> None:
    first = await take(unit, busted(version=3), corrected())
    assert first.published == ()
    assert {row.status for row in await rows(unit, repair_entry)} == {"WAITING"}
    second = await take(unit, executed())
    assert [type(event) for event in second.published] == [TradeCaptured, TradeAmended, TradeCancelled]
    assert {row.status for row in await rows(unit, repair_entry)} == {"RESOLVED"}
    assert (await rows(unit, trade))[0].repaired is False
    assert len(await rows(unit, repair_step)) == 4


async def test_a_correction_that_restates_the_terms_is_recorded_and_publishes_nothing(
    unit: UnitOfWork,
) -> None:
    await take(unit, executed())
    batch = await take(unit, corrected(quantity=Decimal(100)))
    assert batch.published == ()
    (row,) = await rows(unit, trade)
    assert (row.version, row.source_version) == (1, 2)
    assert (await take(unit, corrected(quantity=Decimal(100)))).published == ()
    (amended,) = (await take(unit, corrected(version=3))).published
    assert isinstance(amended, TradeAmended)
    assert (amended.trade.version, amended.trade.source_version) == (2, 3)


async def test_every_reason_is_given_at_once(unit: UnitOfWork) -> None:
    bad = executed(isin="US0378331004", counterparty_lei="X", book="?", trader="?", quantity=Decimal(-1))
    await take(unit, bad)
    (entry,) = await rows(unit, repair_entry)
    fields = {reason["field"] for reason in entry.reasons}
    assert fields == {"isin", "counterparty_lei", "book", "trader", "quantity"}
    assert (entry.topic, entry.partition, entry.record_offset) == ("frontoffice.trades.v1", 0, 0)


async def test_a_message_that_names_no_trade_is_a_dead_letter(unit: UnitOfWork) -> None:
    batch = await take(unit, executed(""), executed("T-2"))
    assert [refusal.reason for refusal in batch.refused] == ["trade_reference must have 1 to 140 characters"]
    assert len(batch.published) == 1


async def test_a_confirmation_after_the_trade_confirms_it(unit: UnitOfWork) -> None:
    captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
    batch = await confirm(unit, confirming(captured))
    assert [type(event) for event in batch.published] == [TradeConfirmed]
    assert (await rows(unit, trade))[0].confirmation_status == "CONFIRMED"
    assert (await confirm(unit, confirming(captured))).published == ()


async def test_tolerances_on_record_decide_about_those_of_a_batch_that_differ(unit: UnitOfWork) -> None:
    published = (await take(unit, *[executed(f"T-{n}") for n in range(3)])).published
    exact, near, far = [event.trade for event in published]  # type: ignore[attr-defined]
    batch = await confirm(
        unit,
        confirming(exact),
        confirming(near, net_amount=near.net_amount + 1),
        confirming(far, net_amount=far.net_amount + 2),
    )
    said = {event.trade_id: type(event) for event in batch.published}  # type: ignore[attr-defined]
    assert said == {
        exact.trade_id: TradeConfirmed,
        near.trade_id: TradeConfirmed,
        far.trade_id: TradeMismatched,
    }
    (mismatch,) = [event for event in batch.published if isinstance(event, TradeMismatched)]
    assert [difference.reason for difference in mismatch.differences] == ["may differ by 1"]


async def test_a_confirmation_before_the_trade_confirms_it_when_it_is_captured(unit: UnitOfWork) -> None:
    async with unit.connection.begin_nested() as savepoint:
        captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
        await savepoint.rollback()
    assert (await confirm(unit, confirming(captured))).published == ()
    batch = await take(unit, executed())
    assert [type(event) for event in batch.published] == [TradeCaptured, TradeConfirmed]
    assert captured.trade_date == MONDAY


async def test_a_rejected_version_can_be_stated_anew_and_goes_on_from_there(unit: UnitOfWork) -> None:
    capture = Capture(FixedReference(), max_trade_age=10, max_settlement_lag=90)
    await take(unit, executed(), corrected(book="?"))
    (entry,) = await rows(unit, repair_entry)
    await queue.reject(unit, capture, entry.repair_id, reason="theirs", by=OLGA, expected=1)
    batch = await take(unit, corrected(quantity=Decimal(5)), corrected(version=3, quantity=Decimal(6)))
    assert [type(event) for event in batch.published] == [TradeAmended, TradeAmended]
    (row,) = await rows(unit, trade)
    assert (row.version, row.source_version, row.quantity) == (3, 3, Decimal(6))


async def test_an_amended_trade_is_matched_again_and_a_cancelled_one_no_more(unit: UnitOfWork) -> None:
    captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
    await confirm(unit, confirming(captured))
    amended = await take(unit, corrected())
    assert [type(event) for event in amended.published] == [TradeAmended, TradeMismatched]
    assert (await rows(unit, trade))[0].confirmation_status == "MISMATCHED"
    new = amended.published[0].trade  # type: ignore[attr-defined]
    corrected_by_them = await confirm(unit, confirming(new, version=2))
    assert [event.trade_version for event in corrected_by_them.published] == [2]  # type: ignore[attr-defined]
    late = await confirm(unit, confirming(captured))
    assert late.published == ()
    cancelled = await take(unit, busted(version=3))
    assert [type(event) for event in cancelled.published] == [TradeCancelled]
    assert (await rows(unit, trade))[0].confirmation_status == "UNCONFIRMED"
    assert (await confirm(unit, confirming(new, version=3))).published == ()


async def test_a_newer_confirmation_that_agrees_as_well_is_recorded_and_not_told_again(
    unit: UnitOfWork,
) -> None:
    captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
    await confirm(unit, confirming(captured))
    assert (await confirm(unit, confirming(captured, version=2))).published == ()
    assert (await rows(unit, trade))[0].confirmation_version == 2


async def test_a_confirmation_is_recorded_once_however_often_it_comes_and_in_other_words_again(
    unit: UnitOfWork,
) -> None:
    captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
    first, second = confirming(captured), confirming(captured, version=2)
    await confirm(unit, first, second, first)
    in_other_words = confirming(captured, quantity=Decimal("100.0"))
    again = await confirm(unit, second, in_other_words, first, second, in_other_words)
    assert again.published == ()
    recorded = [(row.version, str(row.quantity)) for row in await rows(unit, confirmation)]
    assert recorded == [(1, "100"), (2, "100"), (1, "100.0")]
    assert (await rows(unit, trade))[0].confirmation_version == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal("1E+18")},
        {"price": Decimal(-1)},
        {"version": 0},
        {"confirmation_reference": ""},
        {"trade_reference": "x" * 141},
    ],
)
async def test_an_unusable_confirmation_is_a_dead_letter_and_stops_no_other(
    unit: UnitOfWork, changes: dict[str, Any]
) -> None:
    captured = (await take(unit, executed())).published[0].trade  # type: ignore[attr-defined]
    good = confirming(captured)
    batch = Batch.of(unit.connection, [good, good], now=unit.now)
    batch.events[0].event = msgspec.structs.replace(good, **changes)
    await confirmations.handle(batch)
    assert len(batch.refused) == 1
    assert [type(event) for event in batch.published] == [TradeConfirmed]
