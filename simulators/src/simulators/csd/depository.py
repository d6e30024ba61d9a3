"""The CSD's book of instructions: takes what it is told, and says what is due. No I/O; the same input, the same words.

What it says has an id drawn from instruction and act, so whatever is said again after a restart is known as the same.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from backoffice_events.contracts.csd import CsdCancellationAdvised, CsdSettlementConfirmed, CsdStatusAdvised
from backoffice_events.iso20022 import InvalidDocumentError
from simulators.csd import messages
from simulators.csd.behaviour import SETTLING, Act, Behaviour, Due, Instruction, Phase, Step
from simulators.ids import lasting_id

Advice = CsdStatusAdvised | CsdSettlementConfirmed | CsdCancellationAdvised

_CANCELLED = "cancelled"
_CANCELLED_STATUS = "cancelled-status"
_DENIED = "denied"
_ZERO = Decimal(0)


class Said(NamedTuple):
    """Something that the CSD says. event_id: the same for ever."""

    event_id: str
    advice: Advice


@dataclass(slots=True)
class _Account:
    """An instruction with what is left of its plan and what settled of it."""

    instruction: Instruction
    steps: list[Step]
    settled: tuple[Decimal, Decimal] = (_ZERO, _ZERO)
    references: list[str] = field(default_factory=list)


def said_id(instruction_id: str, act: str) -> str:
    """Return the event id of what is said in an act about an instruction.

    Our own instructions are named by UUIDs that rise with time (version 7): what is said of them rises with them.
    """
    try:
        since = int(instruction_id[:12], 16)
    except ValueError:
        since = 0
    return lasting_id(f"{instruction_id}/{act}", since)


class Depository:
    """All instructions that were ever received.

    said: ids of everything that was said before a restart; it counts as done and is not said again, until `caught_up`.
    """

    def __init__(self, behaviour: Behaviour, said: frozenset[str] = frozenset()) -> None:
        self._behaviour = behaviour
        self._said = said
        self._asked: set[str] = set()
        self._open: dict[str, _Account] = {}
        self._done: dict[str, str] = {}
        self._due: dict[str, list[tuple[date, int, str]]] = defaultdict(list)
        self._days: dict[str, Due] = {}
        self._calendars: dict[str, str] = {}
        self._homeless: dict[str, list[str]] = defaultdict(list)

    def learn_place(self, place: str, calendar: str) -> list[Said]:
        """Learn which calendar a place of settlement keeps."""
        self._calendars[place] = calendar
        waiting = self._homeless.pop(place, [])
        return [said for instruction_id in waiting for said in self._go_on(instruction_id)]

    def turn(self, calendar: str, day: date, phase: Phase) -> list[Said]:
        """Begin or end a business day, and say what is due by then."""
        if (known := self._days.get(calendar)) is not None and (day, phase) <= known:
            return []
        self._days[calendar] = (day, phase)
        said: list[Said] = []
        heap = self._due[calendar]
        while heap and (heap[0][0], heap[0][1]) <= (day, phase):
            _, _, instruction_id = heapq.heappop(heap)
            said.extend(self._go_on(instruction_id))
        return said

    def instruct(self, key: str, document: bytes) -> list[Said]:
        """Take a sese.023 and say what there is to say at once; one that was received before says nothing more."""
        if key in self._open or key in self._done:
            return []
        if self._said and said_id(key, _CANCELLED) in self._said:
            self._done[key] = _CANCELLED
            return []
        try:
            instruction = messages.read_instruction(document)
        except InvalidDocumentError:
            return self._refuse(key)
        if instruction.instruction_id != key:
            return self._refuse(key)
        self._open[key] = self._take_up(instruction)
        return list(self._go_on(key))

    def caught_up(self) -> None:
        """Forget what was said before the restart: every message of that time has been heard again."""
        self._said = frozenset()

    def cancel(self, key: str, document: bytes) -> list[Said]:
        """Take a sese.020: cancel what has not settled, unless the seed says that the CSD will not."""
        try:
            instruction_id, movement = messages.read_cancellation_request(document)
        except InvalidDocumentError:
            return []
        answered = any(said_id(instruction_id, answer) in self._said for answer in (_CANCELLED, _DENIED))
        if instruction_id in self._asked or answered:
            self._asked.add(instruction_id)
            return []
        self._asked.add(instruction_id)
        if instruction_id not in self._open:
            return self._deny(instruction_id, movement, *_REFUSALS.get(self._done.get(key, ""), _UNKNOWN))
        if self._behaviour.denies_cancellation(self._open[instruction_id].instruction):
            return self._deny(instruction_id, movement, "Dnd", "OTHR")
        self._close(instruction_id, _CANCELLED)
        answer = messages.cancellation_advice(instruction_id, movement, "Canc", "CANI")
        status = messages.status_advice(instruction_id, messages.processing("Canc", "CANI"))
        return [
            *self._new(instruction_id, _CANCELLED, CsdCancellationAdvised(message_id=key, document=answer)),
            *self._new(instruction_id, _CANCELLED_STATUS, CsdStatusAdvised(message_id=key, document=status)),
        ]

    def _take_up(self, instruction: Instruction) -> _Account:
        """Return the instruction with what lies ahead of it.

        After a restart with other rates the plan is one that begins with what was said already.
        """
        key = instruction.instruction_id
        said = {act for act in Act if said_id(key, act) in self._said} if self._said else set()
        plans = self._behaviour.plans(instruction)
        plan = next((plan for plan in plans if {step.act for step in plan[: len(said)]} == said), ())
        account = _Account(instruction, list(plan[len(said) :]))
        for step in plan[: len(said)]:
            _settle(account, step)
        return account

    def _new(self, instruction_id: str, act: str, advice: Advice) -> list[Said]:
        event_id = said_id(instruction_id, act)
        return [] if event_id in self._said else [Said(event_id, advice)]

    def _refuse(self, key: str) -> list[Said]:
        """Reject what is no instruction, under the name that the envelope gives it."""
        self._done[key] = Act.REJECT
        document = messages.status_advice(key[:35], messages.processing("Rjctd", "OTHR"))
        return self._new(key, Act.REJECT, CsdStatusAdvised(message_id=key, document=document))

    def _deny(self, instruction_id: str, movement: str, status: str, reason: str) -> list[Said]:
        document = messages.cancellation_advice(instruction_id, movement, status, reason)
        advice = CsdCancellationAdvised(message_id=instruction_id, document=document)
        return self._new(instruction_id, _DENIED, advice)

    def _go_on(self, instruction_id: str) -> Iterator[Said]:
        """Say everything that is due about an instruction, and put it down for the day of the next thing."""
        account = self._open.get(instruction_id)
        if account is None:
            return
        while account.steps:
            step = account.steps[0]
            today = None if step.due is None else self._day_for(account, step.due, step.act)
            if step.due is not None and today is None:
                return
            del account.steps[0]
            yield Said(said_id(instruction_id, step.act), self._say(account, step, today))
        self._close(instruction_id, _last_word(account))

    def _day_for(self, account: _Account, due: Due, act: Act) -> date | None:
        """Return the business date when something due may happen now; else put the instruction down for its day."""
        instruction = account.instruction
        calendar = self._calendars.get(instruction.place)
        if calendar is None:
            self._homeless[instruction.place].append(instruction.instruction_id)
            return None
        today = self._days.get(calendar)
        if today is not None and due <= today:
            if act not in SETTLING or today[1] is Phase.OPEN:
                return today[0]
            due = (today[0] + timedelta(days=1), Phase.OPEN)
        heapq.heappush(self._due[calendar], (due[0], due[1], instruction.instruction_id))
        return None

    def _say(self, account: _Account, step: Step, today: date | None) -> Advice:
        instruction, before = account.instruction, account.settled
        if step.act not in SETTLING:
            document = messages.status_advice(instruction.instruction_id, _blocks(step))
            return CsdStatusAdvised(message_id=instruction.instruction_id, document=document)
        assert today is not None, "settling has a due date"  # noqa: S101
        _settle(account, step)
        document = messages.confirmation(
            instruction,
            references=account.references,
            quantity=step.quantity,
            amount=step.amount,
            before=before,
            effective_date=today,
        )
        return CsdSettlementConfirmed(message_id=instruction.instruction_id, document=document)

    def _close(self, instruction_id: str, how: str) -> None:
        del self._open[instruction_id]
        self._done[instruction_id] = how


def _settle(account: _Account, step: Step) -> None:
    if step.act in SETTLING:
        account.references.append(f"{account.instruction.instruction_id[-24:]}-{len(account.references) + 1}")
        account.settled = (account.settled[0] + step.quantity, account.settled[1] + step.amount)


def _last_word(account: _Account) -> str:
    return Act.SETTLE if account.settled[0] else Act.REJECT


_UNKNOWN = ("Rjctd", "REFE")
_REFUSALS = {
    Act.SETTLE.value: ("Dnd", "DSET"),
    Act.REJECT.value: ("Dnd", "DREP"),
    _CANCELLED: ("Dnd", "DCAN"),
}


def _blocks(step: Step) -> str:
    reason = step.reason or "OTHR"
    return {
        Act.ACCEPT_AND_MATCH: lambda: messages.processing("AckdAccptd") + messages.MATCHED,
        Act.ACCEPT_UNMATCHED: lambda: messages.processing("AckdAccptd") + messages.unmatched(reason),
        Act.PROCESS_LATER: lambda: messages.processing("PdgPrcg", reason),
        Act.REJECT: lambda: messages.processing("Rjctd", reason),
        Act.MATCH: lambda: messages.MATCHED,
        Act.PEND: lambda: messages.unsettled("Pdg", reason),
        Act.FAIL: lambda: messages.unsettled("Flng", reason),
    }[step.act]()
