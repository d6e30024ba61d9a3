"""One settlement with what has happened to it in this unit of work, kept in memory until it is written set-based."""

from typing import Any

import msgspec

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from backoffice_events.messaging import Received
from settlement.advices.domain import Confirmation
from settlement.exceptions.domain import Condition, conditions
from settlement.history.domain import Entry
from settlement.instructions.domain import Instruction
from settlement.processes.domain import Settlement

Cause = Received[Any] | None


class Case(msgspec.Struct):
    """A settlement under change, and everything that leaves it when the changes are written.

    changed: which parts of the settlement (groups of its columns); changed_instructions: likewise, by instruction.
    """

    settlement: Settlement
    changed: set[str] = set()
    new_terms: Trade | None = None
    changed_instructions: dict[str, tuple[Instruction, set[str]]] = {}
    new_instructions: list[Instruction] = []
    confirmations: list[Confirmation] = []
    history: list[Entry] = []
    outgoing: list[tuple[Event, Cause]] = []
    opened: list[Condition] = []
    restated: list[Condition] = []
    closed: list[str] = []

    def note(
        self,
        kind: str,
        cause: Cause,
        *,
        instruction_id: str | None = None,
        document: bytes | None = None,
        **details: Any,
    ) -> None:
        """Add a line to the history."""
        occurred_at, event_id = (cause.time, cause.uuid) if cause is not None else (None, None)
        trade_id = self.settlement.trade_id
        self.history.append(Entry(trade_id, kind, instruction_id, details, document, occurred_at, event_id))

    def trade(self) -> Trade:
        """Return the current terms, the stored ones when they are not at hand."""
        settlement = self.settlement
        if settlement.trade is None and settlement.stored is not None:
            settlement.trade = settlement.stored()
        if settlement.trade is None:
            raise ValueError(f"The trade of settlement {settlement.trade_id} was not seen yet.")
        return settlement.trade

    def change_instruction(self, instruction: Instruction, *parts: str) -> None:
        """Note which parts of an instruction have to be written."""
        _, known = self.changed_instructions.setdefault(instruction.instruction_id, (instruction, set()))
        known.update(parts)

    def review(self) -> None:
        """Open an exception for what came to hold, close those of what holds no longer, and restate the others."""
        settlement = self.settlement
        now = {condition.kind.value: condition for condition in conditions(settlement)}
        if not now and not settlement.raised:
            return
        for kind, cause in list(settlement.raised.items()):
            if kind not in now or now[kind].cause != cause:
                del settlement.raised[kind]
                self._take_off(kind)
                self.changed.add("raised")
        self.restated = [condition for kind, condition in now.items() if kind in settlement.raised]
        for kind, condition in now.items():
            if kind not in settlement.raised:
                settlement.raised[kind] = condition.cause
                self.opened.append(condition)
                self.changed.add("raised")

    def _take_off(self, kind: str) -> None:
        """Close what is on the queue; what only this unit of work opened never gets there."""
        kept = [condition for condition in self.opened if condition.kind != kind]
        if len(kept) == len(self.opened):
            self.closed.append(kind)
        self.opened = kept

    def publish_settled(self, instruction: Instruction, confirmation: Confirmation, cause: Cause) -> None:
        """Tell the platform that the CSD settled something."""
        event = InstructionSettled(
            **self._state_of(instruction),
            settled_quantity=confirmation.settled_quantity,
            settled_amount=confirmation.settled_amount,
            remaining_quantity=instruction.remaining_quantity,
            remaining_amount=instruction.remaining_amount,
            effective_date=confirmation.effective_date,
            csd_reference=confirmation.csd_reference,
        )
        self.outgoing.append((event, cause))

    def publish_failing(self, instruction: Instruction, cause: Cause) -> None:
        """Tell the platform that the intended settlement date ended with something unsettled."""
        event = InstructionFailing(
            **self._state_of(instruction),
            failing_quantity=instruction.remaining_quantity,
            failing_amount=instruction.remaining_amount,
            failed_on=instruction.settlement_date,
            reason=instruction.reason,
        )
        self.outgoing.append((event, cause))

    def _state_of(self, instruction: Instruction) -> dict[str, Any]:
        """Number the event and return what every settlement event says."""
        self.settlement.sequence += 1
        self.changed.add("sequence")
        return {
            "instruction_id": instruction.instruction_id,
            "trade_id": instruction.trade_id,
            "trade_version": instruction.trade_version,
            "sequence": self.settlement.sequence,
            "side": Side(instruction.side),
            "isin": instruction.isin,
            "instrument_type": InstrumentType(instruction.instrument_type),
            "currency": instruction.currency,
            "book": instruction.book,
            "entity_lei": instruction.entity_lei,
            "counterparty_lei": instruction.counterparty_lei,
            "settlement_calendar": instruction.settlement_calendar,
        }
