"""What the firm's day does to settlements: its opening shows who is late, its end what is failing."""

from datetime import date
from typing import Any

from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.messaging import Batch, ConsumerSpec, Received, UnitOfWork
from settlement.business_days import repository as business_days
from settlement.processes import repository
from settlement.processes.case import Case
from settlement.processes.domain import State, may_fail, state_of
from settlement.processes.store import cases_of, write


async def take_business_days(batch: Batch) -> None:
    """Record each step of a calendar's day and act on the settlements that are due by then."""
    steps = []
    for received in batch.events:
        if received.event.is_in_calendars:
            steps.append(received)
        else:
            date_outside = received.event.business_date
            batch.refuse(received, f"business_date {date_outside} lies outside of all calendars")
    await repository.lock_all_due(batch.connection, [step.event for step in steps])
    for received in steps:
        day = received.event
        await business_days.record(batch.connection, day, batch.now)
        await _review_due(batch, received)


async def _review_due(unit: UnitOfWork, cause: Received[Any]) -> None:
    day = cause.event
    due = await repository.lock_due(unit.connection, day.calendar, day.business_date)
    cases = await cases_of(unit, due)
    for case in cases.values():
        if may_fail(case.settlement) and _ends(day, case.settlement.settlement_date):
            _fail(case, cause)
        _mark_late(case)
        case.review()
    await write(unit, list(cases.values()))


def _ends(day: BusinessDayOpened | BusinessDayClosed, due: date | None) -> bool:
    """Tell whether a step ends the date that something is due on, which is not after the step's own.

    Days follow one another without a gap, so one that opens ends those before it. Their close may never be heard: the
    topic keeps the latest step alone.
    """
    return isinstance(day, BusinessDayClosed) or (due is not None and due < day.business_date)


def _fail(case: Case, cause: Received[Any]) -> None:
    instruction = case.settlement.instructions[-1]
    instruction.fail()
    case.change_instruction(instruction, "failing")
    case.note(
        "FAILING",
        cause,
        instruction_id=instruction.instruction_id,
        quantity=f"{instruction.remaining_quantity:f}",
        amount=f"{instruction.remaining_amount:f}",
        reason=instruction.reason,
    )
    case.publish_failing(instruction, cause)


def _mark_late(case: Case) -> None:
    if not case.settlement.late and state_of(case.settlement) in {State.AWAITING_INSTRUCTION, State.REJECTED}:
        case.settlement.late = True
        case.changed.add("trade")


CONSUMER = ConsumerSpec(
    group="settlement.business-days",
    contracts=(BusinessDayOpened, BusinessDayClosed),
    handle=take_business_days,
)
