"""What settlement says of its instructions."""

from datetime import date
from decimal import Decimal

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import InstrumentType, Int, LongText, Side, Text

SETTLEMENT_INSTRUCTIONS = Topic("settlement.instructions.v1", owner="settlement")


class _InstructionEvent(Event, frozen=True, kw_only=True):
    """State of an instruction and of the trade version it settles.

    instruction_id: ours, the account owner's transaction id at the CSD. side: BUY = receive against payment.
    sequence: 1, 2, 3… per trade, in the order these events happened.
    """

    instruction_id: Text
    trade_id: Text
    trade_version: Int
    sequence: Int
    side: Side
    isin: Text
    instrument_type: InstrumentType
    currency: Text
    book: Text
    entity_lei: Text
    counterparty_lei: Text
    settlement_calendar: Text


@event("backoffice.settlement.instruction-settled.v1", SETTLEMENT_INSTRUCTIONS, key="trade_id")
class InstructionSettled(_InstructionEvent, frozen=True, kw_only=True):
    """The CSD confirmed (sese.025) that the instruction settled, in part or in whole.

    settled_quantity, settled_amount: by this confirmation. remaining_quantity, remaining_amount: still to settle;
    both zero when it settled in whole. effective_date: the CSD's settlement date.
    csd_reference: the CSD's own id of this confirmation.
    """

    settled_quantity: Decimal
    settled_amount: Decimal
    remaining_quantity: Decimal
    remaining_amount: Decimal
    effective_date: date
    csd_reference: Text


@event("backoffice.settlement.instruction-failing.v1", SETTLEMENT_INSTRUCTIONS, key="trade_id")
class InstructionFailing(_InstructionEvent, frozen=True, kw_only=True):
    """The intended settlement date ended with something unsettled. Said once per version of a trade.

    failing_quantity, failing_amount: what is left. failed_on: the intended settlement date.
    reason: the CSD's ISO 20022 reason code (LACK, MONY, CLAC, CMON, …) when it gave one.
    """

    failing_quantity: Decimal
    failing_amount: Decimal
    failed_on: date
    reason: LongText | None = None
