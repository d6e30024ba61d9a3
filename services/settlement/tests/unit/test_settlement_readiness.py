"""When a trade may be instructed, and when its instruction has to be called back."""

from decimal import Decimal

import pytest
import settlement_samples as a

from settlement.instructions.domain import Instruction
from settlement.processes.domain import Outcome, Settlement, State, Step, next_step, state_of

pytestmark = pytest.mark.unit


def ready(version: int = 1) -> Settlement:
    settlement = Settlement("t")
    settlement.take_trade(a.trade("t", version=version), cancelled=False)
    settlement.take_confirmation(version, 1, agrees=True)
    settlement.take_decision(version, version, Outcome.CLEARED)
    return settlement


def instructed(settlement: Settlement, **changes: object) -> Instruction:
    instruction = Instruction(
        instruction_id="i",
        trade_id="t",
        number=len(settlement.instructions) + 1,
        trade_version=settlement.trade_version,
        side="BUY",
        isin=a.ISIN,
        instrument_type="EQUITY",
        currency="USD",
        book="EQ-US",
        entity_lei="5493001KJTIIGC8Y1R12",
        counterparty_lei="784F5XWPLTWKTBV3E584",
        settlement_calendar="US",
        settlement_date=a.SETTLEMENT_DATE,
        quantity=Decimal(100),
        amount=Decimal("19404.50"),
    )
    for name, value in changes.items():
        setattr(instruction, name, value)
    settlement.instructions.append(instruction)
    return instruction


def test_it_is_instructed_when_trade_confirmation_and_decision_name_the_same_version() -> None:
    assert next_step(ready()) is Step.INSTRUCT


@pytest.mark.parametrize("missing", ["trade", "confirmation", "decision"])
def test_it_waits_for_each_of_the_three(missing: str) -> None:
    settlement = Settlement("t")
    if missing != "trade":
        settlement.take_trade(a.trade("t"), cancelled=False)
    if missing != "confirmation":
        settlement.take_confirmation(1, 1, agrees=True)
    if missing != "decision":
        settlement.take_decision(1, 1, Outcome.CLEARED)

    assert next_step(settlement) is Step.NOTHING
    assert state_of(settlement) is State.AWAITING_INSTRUCTION


def test_a_confirmation_or_decision_of_another_version_does_not_count() -> None:
    settlement = ready(version=1)
    settlement.take_trade(a.trade("t", version=2), cancelled=False)
    assert next_step(settlement) is Step.NOTHING

    settlement.take_confirmation(2, 1, agrees=True)
    assert next_step(settlement) is Step.NOTHING
    settlement.take_decision(2, 2, Outcome.CLEARED)
    assert next_step(settlement) is Step.INSTRUCT


def test_a_stale_fact_changes_nothing() -> None:
    settlement = ready(version=2)

    assert not settlement.take_trade(a.trade("t", version=1), cancelled=True)
    assert not settlement.take_confirmation(1, 9, agrees=False)
    assert not settlement.take_decision(2, 1, Outcome.BLOCKED)
    assert next_step(settlement) is Step.INSTRUCT


def test_it_is_instructed_only_once() -> None:
    settlement = ready()
    instructed(settlement)

    assert next_step(settlement) is Step.NOTHING
    assert state_of(settlement) is State.INSTRUCTED


@pytest.mark.parametrize("word", ["mismatched", "held", "blocked", "cancelled", "amended"])
def test_an_instruction_no_longer_wanted_is_called_back_once(word: str) -> None:
    settlement = ready()
    instruction = instructed(settlement)
    match word:
        case "mismatched":
            settlement.take_confirmation(1, 2, agrees=False)
        case "held":
            settlement.take_decision(1, 2, Outcome.HELD)
        case "blocked":
            settlement.take_decision(1, 2, Outcome.BLOCKED)
        case "cancelled":
            settlement.take_trade(a.trade("t", version=2), cancelled=True)
        case _:
            settlement.take_trade(a.trade("t", version=2), cancelled=False)

    assert next_step(settlement) is Step.REQUEST_CANCELLATION
    instruction.cancellation_status = "REQD"
    assert next_step(settlement) is Step.NOTHING


def test_an_amended_trade_is_instructed_anew_only_after_the_csd_cancelled_the_old_instruction() -> None:
    settlement = ready()
    old = instructed(settlement, cancellation_status="REQD")
    settlement.take_trade(a.trade("t", version=2), cancelled=False)
    settlement.take_confirmation(2, 1, agrees=True)
    settlement.take_decision(2, 2, Outcome.CLEARED)
    assert next_step(settlement) is Step.NOTHING

    old.processing_status = old.cancellation_status = "CAND"
    assert next_step(settlement) is Step.INSTRUCT


def test_a_trade_that_was_called_back_and_is_wanted_again_is_instructed_again() -> None:
    settlement = ready()
    settlement.take_confirmation(1, 2, agrees=False)
    instructed(settlement, cancellation_status="CAND", processing_status="CAND")
    assert next_step(settlement) is Step.NOTHING

    settlement.take_confirmation(1, 3, agrees=True)
    assert next_step(settlement) is Step.INSTRUCT


@pytest.mark.parametrize("status", ["REJT", "CAND"])
def test_what_the_csd_rejected_or_cancelled_of_itself_waits_for_an_amendment(status: str) -> None:
    settlement = ready()
    instructed(settlement, processing_status=status)

    assert next_step(settlement) is Step.NOTHING
    assert state_of(settlement) is State.REJECTED

    amended = a.trade("t", version=2)
    settlement.take_trade(amended, cancelled=False)
    settlement.take_confirmation(2, 1, agrees=True)
    settlement.take_decision(2, 2, Outcome.CLEARED)
    assert next_step(settlement) is Step.INSTRUCT


def test_nothing_is_instructed_after_something_settled() -> None:
    settlement = ready()
    part = instructed(
        settlement, settled_quantity=Decimal(40), cancellation_status="CAND", processing_status="CAND"
    )
    settlement.take_trade(a.trade("t", version=2), cancelled=False)
    settlement.take_confirmation(2, 1, agrees=True)
    settlement.take_decision(2, 2, Outcome.CLEARED)

    assert settlement.ready
    assert next_step(settlement) is Step.NOTHING
    assert part.remaining_quantity == Decimal(60)
    assert state_of(settlement) is State.PARTIALLY_SETTLED


def test_what_fits_into_no_message_is_not_tried_again_until_the_terms_change() -> None:
    settlement = ready()
    settlement.inexpressible = "a cash account of 40 characters"
    assert next_step(settlement) is Step.NOTHING

    settlement.take_trade(a.trade("t", version=2), cancelled=False)
    settlement.take_confirmation(2, 1, agrees=True)
    settlement.take_decision(2, 2, Outcome.CLEARED)
    assert next_step(settlement) is Step.INSTRUCT


def test_a_cancelled_trade_without_a_live_instruction_is_cancelled() -> None:
    settlement = ready()
    settlement.take_trade(a.trade("t", version=2), cancelled=True)

    assert state_of(settlement) is State.CANCELLED
    assert next_step(settlement) is Step.NOTHING
