"""Carries out what the domain decides: instruct, call back, and look after the exceptions."""

from backoffice_events.contracts.csd import CsdCancellationRequested, CsdInstructionSent
from backoffice_events.contracts.trading import Trade
from backoffice_events.ids import new_id
from backoffice_events.iso20022 import InvalidDocumentError
from settlement.instructions.domain import Cancellation, Instruction
from settlement.instructions.messages import cancellation_document, instruction_document
from settlement.processes.case import Case, Cause
from settlement.processes.domain import Step, next_step


def advance(case: Case, cause: Cause) -> None:
    """Do what has to be done now that `cause` was applied, and review the exceptions."""
    step = next_step(case.settlement)
    if step is Step.INSTRUCT:
        _instruct(case, cause)
    elif step is Step.REQUEST_CANCELLATION:
        _request_cancellation(case, cause)
    case.review()


def _instruct(case: Case, cause: Cause) -> None:
    trade = case.trade()
    instruction_id = new_id().replace("-", "")  # TxId is Max35Text: a UUID with hyphens is one too long
    try:
        document = instruction_document(instruction_id, trade)
    except InvalidDocumentError as error:
        case.settlement.inexpressible = str(error)[:500]
        case.changed.add("trade")
        case.note("NOT_INSTRUCTABLE", None, reason=case.settlement.inexpressible)
        return
    instruction = _instruction_of(instruction_id, trade, len(case.settlement.instructions) + 1)
    replaced = case.settlement.latest
    case.settlement.instructions.append(instruction)
    case.changed.add("instruction")
    case.new_instructions.append(instruction)
    if replaced is not None and replaced.failed_on and replaced.trade_version == trade.version:
        # The fail is the trade version's, and was told: another message to the CSD does not end it.
        instruction.fail()
        case.change_instruction(instruction, "failing")
    case.note(
        "INSTRUCTED",
        None,
        instruction_id=instruction_id,
        document=document,
        trade_version=trade.version,
        message="sese.023.001.11",
    )
    case.outgoing.append((CsdInstructionSent(message_id=instruction_id, document=document), cause))


def _instruction_of(instruction_id: str, trade: Trade, number: int) -> Instruction:
    return Instruction(
        instruction_id=instruction_id,
        trade_id=trade.trade_id,
        number=number,
        trade_version=trade.version,
        side=trade.side.value,
        isin=trade.isin,
        instrument_type=trade.instrument_type.value,
        currency=trade.currency,
        book=trade.book,
        entity_lei=trade.entity_lei,
        counterparty_lei=trade.counterparty_lei,
        settlement_calendar=trade.settlement_calendar,
        settlement_date=trade.settlement_date,
        quantity=trade.quantity,
        amount=trade.net_amount,
    )


def _request_cancellation(case: Case, cause: Cause) -> None:
    instruction = case.settlement.instructions[-1]
    document = cancellation_document(instruction)
    instruction.cancellation_status = Cancellation.REQD
    case.change_instruction(instruction, "cancellation")
    case.note(
        "CANCELLATION_REQUESTED",
        None,
        instruction_id=instruction.instruction_id,
        document=document,
        message="sese.020.001.07",
    )
    case.outgoing.append(
        (CsdCancellationRequested(message_id=instruction.instruction_id, document=document), cause)
    )
