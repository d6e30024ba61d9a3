"""What holds for every history: any interleaving of topics, any moment of the CSD's answers, any split into parts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest
import settlement_samples as a
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.csd import CsdCancellationRequested, CsdInstructionSent
from backoffice_events.contracts.settlement import InstructionSettled
from backoffice_events.contracts.trading import TradeConfirmed
from backoffice_events.messaging import Batch
from settlement.advices.domain import Cash, Confirmation, ContradictionError, apply_confirmation
from settlement.advices.handlers import take_advice
from settlement.instructions.domain import ZERO
from settlement.processes.case import Case
from settlement.processes.domain import Settlement, State, state_of
from settlement.processes.handlers import take_fact

pytestmark = pytest.mark.unit

TRADE = "0190a0a0-0000-7000-8000-000000000001"
NOW = datetime(2024, 6, 3, 15, tzinfo=UTC)


class MemoryWorld:
    """One settlement and a CSD that answers when it is asked to; no database."""

    def __init__(self) -> None:
        self.case = Case(Settlement(TRADE))
        self.unanswered: list[CsdCancellationRequested | CsdInstructionSent] = []
        self._heard = 0

    def take(self, event: Event) -> None:
        (received,) = Batch.of(None, [event], now=NOW).events  # type: ignore[arg-type]  # no database here
        if event.topic.name == "csd.advices.v1":
            take_advice(self.case, received)
        else:
            take_fact(self.case, received, getattr(event, "trade", None))
        new = [outgoing for outgoing, _ in self.case.outgoing[self._heard :]]
        self._heard = len(self.case.outgoing)
        self.unanswered += [
            event for event in new if isinstance(event, CsdCancellationRequested | CsdInstructionSent)
        ]
        self.check()

    def answer(self) -> None:
        """Let the CSD answer its oldest message."""
        message = self.unanswered.pop(0)
        if isinstance(message, CsdInstructionSent):
            self.take(a.status_advice(message.message_id, a.ACCEPTED + a.MATCHED))
        else:
            self.take(a.cancellation_advice(message.message_id))
            self.take(a.status_advice(message.message_id, a.CANCELLED))

    def check(self) -> None:
        live = [one for one in self.case.settlement.instructions if one.live]
        assert len(live) <= 1
        versions = [one.trade_version for one in self.case.settlement.instructions if not one.closed]
        assert len(versions) == len(set(versions))
        assert all(one.settled_quantity == ZERO for one in self.case.settlement.instructions)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """Return what the two topics carry of one trade, each in its order."""
    trades: list[Event] = []
    decisions: list[Event] = []
    versions = draw(st.integers(1, 4))
    for version in range(1, versions + 1):
        terms = a.trade(TRADE, version=version, quantity=Decimal(100 + version))
        last = version == versions
        if last and version > 1 and draw(st.booleans()):
            trades.append(a.cancelled(terms))
            break
        trades.append(a.captured(terms) if version == 1 else a.amended(terms))
        for confirmation_version in draw(st.lists(st.integers(1, 3), max_size=3)):
            word = a.confirmed if draw(st.booleans()) else a.mismatched
            trades.append(word(TRADE, version, confirmation_version))
        for _ in range(draw(st.integers(0, 2))):
            word_of_compliance = draw(st.sampled_from([a.cleared, a.held, a.blocked]))
            decisions.append(word_of_compliance(TRADE, version, len(decisions) + 1))
    return trades, decisions


def wanted_version(trades: Sequence[Any], decisions: Sequence[Any]) -> int | None:
    """Return the version that has to be live in the end, by the last word on each topic alone."""
    last = next(event.trade for event in reversed(trades) if hasattr(event, "trade"))
    words = [event for event in trades if not hasattr(event, "trade")]
    agreed = bool(words) and isinstance(words[-1], TradeConfirmed) and words[-1].trade_version == last.version
    decided = decisions[-1] if decisions else None
    cleared = (
        decided is not None and "cleared" in decided.event_type and decided.trade_version == last.version
    )
    cancelled = any("cancelled" in event.event_type for event in trades)
    return last.version if agreed and cleared and not cancelled else None


@settings(max_examples=150)
@given(histories(), st.data())
def test_any_interleaving_ends_in_the_same_state_with_at_most_one_live_instruction(
    history: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    trades, decisions = history
    world = MemoryWorld()
    queues = [list(trades), list(decisions)]
    while any(queues):
        if world.unanswered and data.draw(st.booleans()):
            world.answer()
        else:
            chosen = data.draw(st.sampled_from([queue for queue in queues if queue]))
            world.take(chosen.pop(0))
    while world.unanswered:
        world.answer()

    wanted = wanted_version(trades, decisions)
    settlement = world.case.settlement
    live = [one.trade_version for one in settlement.instructions if one.live]
    assert live == ([] if wanted is None else [wanted])
    state = state_of(settlement)
    assert state is (
        State.INSTRUCTED
        if wanted
        else State.CANCELLED
        if settlement.cancelled
        else State.AWAITING_INSTRUCTION
    )


@settings(max_examples=50)
@given(histories(), st.data())
def test_every_fact_heard_twice_changes_nothing(
    history: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    trades, decisions = history
    once, twice = MemoryWorld(), MemoryWorld()
    for event in (*trades, *decisions):
        once.take(event)
        twice.take(event)
        if data.draw(st.booleans()):
            twice.take(event)

    assert [one.trade_version for one in once.case.settlement.instructions] == [
        one.trade_version for one in twice.case.settlement.instructions
    ]
    assert state_of(once.case.settlement) is state_of(twice.case.settlement)


def instructed() -> MemoryWorld:
    world = MemoryWorld()
    for event in (a.captured(a.trade(TRADE)), a.confirmed(TRADE), a.cleared(TRADE)):
        world.take(event)
    (instruction,) = world.case.settlement.instructions
    instruction.latest_day = a.SETTLEMENT_DATE
    return world


STATUSES = [
    a.ACCEPTED,
    a.MATCHED,
    a.UNMATCHED,
    a.REJECTED,
    a.CANCELLED,
    a.pending("LACK"),
    a.failing("CLAC"),
]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(STATUSES), max_size=8))
def test_no_sequence_of_statuses_settles_anything(statuses: list[str]) -> None:
    world = instructed()
    (instruction,) = world.case.settlement.instructions
    for status in statuses:
        world.take(a.status_advice(instruction.instruction_id, status))

    assert instruction.settled_quantity == ZERO
    assert not any(isinstance(event, InstructionSettled) for event, _ in world.case.outgoing)


TOTAL = Decimal("19404.50")
CENT = Decimal("0.01")
ROUNDINGS = (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN, ROUND_UP)


def usd(amount: Decimal) -> Cash:
    return Cash(amount, "USD", "DBIT")


def parts_of(cuts: Sequence[int], rounding: str = ROUND_HALF_UP) -> list[Confirmation]:
    """Split 100 units and the total at the cuts; money pro rata, each part rounded alone, the last takes the rest."""
    edges = [0, *sorted(set(cuts)), 100]
    parts: list[Confirmation] = []
    before = ZERO
    for number, (start, end) in enumerate(pairwise(edges)):
        left = TOTAL - before
        share = (TOTAL * (end - start) / 100).quantize(CENT, rounding)
        paid = left if end == 100 else min(share, left)
        parts.append(
            Confirmation(
                instruction_id="i",
                csd_reference=f"P{number}",
                movement="RECE",
                isin=a.ISIN,
                currency="USD",
                direction="DBIT",
                in_face_amount=False,
                settled_quantity=Decimal(end - start),
                settled_amount=paid,
                effective_date=a.SETTLEMENT_DATE,
                settlement_date=a.SETTLEMENT_DATE,
                partial="PARC" if end == 100 else "PAIN",
                previously_settled_quantity=Decimal(start),
                remaining_quantity=Decimal(100 - end),
                previously_settled_amount=usd(before),
                remaining_amount=usd(left - paid),
            )
        )
        before += paid
    return parts


@settings(max_examples=80)
@given(st.lists(st.integers(1, 99), max_size=30), st.sampled_from(ROUNDINGS), st.data())
def test_parts_sum_to_the_instruction_however_they_are_rounded_and_whatever_is_repeated(
    cuts: list[int], rounding: str, data: st.DataObject
) -> None:
    (instruction,) = instructed().case.settlement.instructions
    parts = parts_of(cuts, rounding)
    taken = ZERO
    for number, part in enumerate(parts):
        assert apply_confirmation(instruction, part)
        taken += part.settled_quantity
        again = parts[data.draw(st.integers(0, number))]
        assert not apply_confirmation(instruction, again)
        assert instruction.settled_quantity == taken

    assert instruction.settled
    assert instruction.settled_amount == TOTAL


@st.composite
def tampered(draw: st.DrawFn, part: Confirmation) -> Confirmation:
    """Return a confirmation that says one thing otherwise."""
    more = draw(st.decimals("0.00001", 1000, places=5)) * draw(st.sampled_from([1, -1]))
    days = timedelta(days=draw(st.integers(1, 400)))
    otherwise: dict[str, Any] = {
        "movement": "DELI",
        "isin": "US5949181045",
        "currency": "EUR",
        "direction": "CRDT",
        "in_face_amount": True,
        "settled_quantity": part.settled_quantity + more,
        "settled_amount": part.settled_amount + more,
        "effective_date": part.effective_date - days,
        "settlement_date": a.SETTLEMENT_DATE + days,
        "partial": "PAIN" if part.partial == "PARC" else "PARC",
        "previously_settled_quantity": (part.previously_settled_quantity or ZERO) + more,
        "remaining_quantity": (part.remaining_quantity or ZERO) + more,
    }
    for name in ("previously_settled_amount", "remaining_amount"):
        cash = getattr(part, name)
        changed = {"amount": cash.amount + more, "currency": "EUR", "direction": "CRDT"}
        field = draw(st.sampled_from(sorted(changed)))
        otherwise[name] = replace(cash, **{field: changed[field]})
    name = draw(st.sampled_from(sorted(otherwise)))
    return replace(part, **{name: otherwise[name]})


@settings(max_examples=300)
@given(st.lists(st.integers(1, 99), max_size=4), st.data())
def test_a_confirmation_with_any_field_tampered_with_is_refused(cuts: list[int], data: st.DataObject) -> None:
    (instruction,) = instructed().case.settlement.instructions
    parts = parts_of(cuts)
    wrong = data.draw(st.integers(0, len(parts) - 1))
    for part in parts[:wrong]:
        apply_confirmation(instruction, part)
    before = (instruction.settled_quantity, instruction.settled_amount, dict(instruction.parts))

    with pytest.raises(ContradictionError):
        apply_confirmation(instruction, data.draw(tampered(parts[wrong])))
    assert (instruction.settled_quantity, instruction.settled_amount, instruction.parts) == before
    for part in parts[wrong:]:
        assert apply_confirmation(instruction, part)
    assert instruction.settled


@settings(max_examples=80)
@given(st.lists(st.integers(1, 99), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_parts_out_of_order_never_settle_more_than_the_whole(cuts: list[int], random: Any) -> None:
    (instruction,) = instructed().case.settlement.instructions
    parts = parts_of(cuts)
    random.shuffle(parts)
    for part in parts:
        before = (instruction.settled_quantity, instruction.settled_amount)
        try:
            apply_confirmation(instruction, part)
        except ContradictionError:
            assert (instruction.settled_quantity, instruction.settled_amount) == before
    assert instruction.settled_quantity <= instruction.quantity
    assert instruction.settled_amount <= instruction.amount
