"""The CSD's advices: read, checked against what we know, and applied.

What cannot be true is a dead letter; what is not true yet, as far as we heard, waits for its business day.
"""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from backoffice_events.contracts.csd import CsdCancellationAdvised, CsdSettlementConfirmed, CsdStatusAdvised
from backoffice_events.iso20022 import InvalidDocumentError
from backoffice_events.messaging import Batch, ConsumerSpec, Received
from settlement.advices.domain import (
    CancellationAdvice,
    Confirmation,
    ContradictionError,
    EarlyError,
    Status,
    StatusAdvice,
    apply_cancellation,
    apply_confirmation,
    apply_status,
)
from settlement.advices.messages import read_cancellation_advice, read_confirmation, read_status_advice
from settlement.advices.repository import Early, keep
from settlement.instructions.domain import CLOSING, Instruction
from settlement.processes import repository
from settlement.processes.case import Case
from settlement.processes.progress import advance
from settlement.processes.store import cases_of, write

Advice = StatusAdvice | CancellationAdvice | Confirmation

_READERS: dict[type[Any], Callable[[bytes], Advice]] = {
    CsdStatusAdvised: read_status_advice,
    CsdSettlementConfirmed: read_confirmation,
    CsdCancellationAdvised: read_cancellation_advice,
}


_UNTRUE = (InvalidDocumentError, ContradictionError)


async def take_advices(batch: Batch) -> None:
    """Apply a batch of advices, each instruction's in order, and refuse what cannot be true.

    What comes behind a refused one of its instruction is left alone: it will be handed over again after it. What comes
    behind one that waits for its business day waits with it.
    """
    keys = {received.key for received in batch.events}
    cases = await cases_of(batch, await repository.lock_by_instruction(batch.connection, keys))
    sent = [(one, case) for case in cases.values() for one in case.settlement.instructions]
    owners = {one.instruction_id: case for one, case in sent}
    waiting = {one.instruction_id for one, _ in sent if one.advices_wait}
    refused: set[str] = set()
    early: list[Early] = []
    for received in batch.events:
        if received.key in refused:
            continue
        if received.key in waiting:
            early.append(Early(received))
            continue
        try:
            take_advice(owners.get(received.key), received)
        except _UNTRUE as error:
            refused.add(received.key)
            batch.refuse(received, str(error))
        except EarlyError as error:
            waiting.add(received.key)
            early.append(_early(owners[received.key], received, error.effective_date))
    await write(batch, list(cases.values()))
    await keep(batch.connection, early, batch.now)


def _early(case: Case, received: Received[Any], effective_date: date) -> Early:
    case.note(
        "AWAITS_BUSINESS_DAY",
        received,
        instruction_id=received.key,
        message="sese.025.001.11",
        effective_date=effective_date.isoformat(),
    )
    return Early(received, effective_date)


def take_advice(case: Case | None, received: Received[Any]) -> None:
    """Apply one advice to the settlement that its instruction belongs to, and do what follows from it.

    Raises InvalidDocumentError, ContradictionError and EarlyError, before anything changed.
    """
    advice = _READERS[type(received.event)](received.event.document)
    if advice.instruction_id != received.key:
        raise InvalidDocumentError(
            f"the document is about {advice.instruction_id!r}, its key is {received.key!r}"
        )
    if case is None:
        raise ContradictionError(f"no instruction {received.key} was ever sent: ask the CSD what it means")
    (instruction,) = [one for one in case.settlement.instructions if one.instruction_id == received.key]
    news, kind, details = _apply(case, instruction, advice, received)
    case.note(
        kind,
        received,
        instruction_id=received.key,
        document=received.event.document,
        stale=not news,
        **details,
    )
    if news:
        case.change_instruction(instruction, *_parts(advice))
        if not instruction.live:
            case.changed.add("state")
        advance(case, received)


def _apply(
    case: Case, instruction: Instruction, advice: Advice, received: Received[Any]
) -> tuple[bool, str, dict[str, Any]]:
    """Return whether the advice was news, and what the history says of it."""
    if isinstance(advice, StatusAdvice):
        return apply_status(instruction, advice, received.time), "STATUS_ADVISED", _statuses(advice)
    if isinstance(advice, CancellationAdvice):
        details = {"message": "sese.027.001.07", **_status("cancellation", advice.status)}
        return apply_cancellation(instruction, advice), "CANCELLATION_ADVISED", details
    news = apply_confirmation(instruction, advice)
    if news:
        case.confirmations.append(advice)
        case.publish_settled(instruction, advice, received)
    return news, "SETTLED", _settled(advice)


def _parts(advice: Advice) -> Iterator[str]:
    """Name the parts of an instruction that an advice may change."""
    if isinstance(advice, Confirmation):
        yield "settled"
    elif isinstance(advice, CancellationAdvice):
        yield from ("cancellation", "processing", "failing")
    else:
        yield from (part for part in ("processing", "matching", "settlement") if getattr(advice, part))
        if advice.processing is not None and advice.processing.code in CLOSING:
            yield "failing"


def _settled(confirmation: Confirmation) -> dict[str, Any]:
    return {
        "message": "sese.025.001.11",
        "csd_reference": confirmation.csd_reference,
        "quantity": f"{confirmation.settled_quantity:f}",
        "amount": f"{confirmation.settled_amount:f}",
        "effective_date": confirmation.effective_date.isoformat(),
    }


def _statuses(advice: StatusAdvice) -> dict[str, Any]:
    details: dict[str, Any] = {"message": "sese.024.001.12"}
    for name, status in (
        ("processing", advice.processing),
        ("matching", advice.matching),
        ("settlement", advice.settlement),
    ):
        if status is not None:
            details |= _status(name, status)
    return details


def _status(name: str, status: Status) -> dict[str, Any]:
    return (
        {name: status.code} if status.reason is None else {name: status.code, f"{name}_reason": status.reason}
    )


CONSUMER = ConsumerSpec(group="settlement.csd", contracts=tuple(_READERS), handle=take_advices, ordered=True)
