"""What the front office publishes, in order: executions, and what happens to some of them later. Pure, by seed."""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from msgspec.structs import asdict, replace

from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.ids import new_id
from simulators.front_office.bad_data import BAD_DATA
from simulators.front_office.desk import Desk
from simulators.front_office.tape import TapeTrade

Report = TradeExecuted | TradeCorrected | TradeBusted

_SOONEST, _LATEST = 20, 400
"""How many trades later something more is heard of a trade."""

_MIXED_UP, _RESIZED = 0.2, 0.6
"""Of amendments: those that state the trade before instead, often of another market and book; another size; the rest
another price."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each mishap befalls a trade, as a share of all; at most one befalls it."""

    amends: Decimal = Decimal(0)
    amends_again: Decimal = Decimal(0)
    busts: Decimal = Decimal(0)
    resends: Decimal = Decimal(0)
    conflicting_resends: Decimal = Decimal(0)
    bad_data: Decimal = Decimal(0)
    fat_fingers: Decimal = Decimal(0)
    leavers: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse rates that sum to more than one."""
        if sum(astuple(self)) > 1:
            raise ValueError("the rates sum to more than 1: a trade has one mishap at most")

    def pick(self, draw: random.Random) -> str | None:
        """Draw what befalls a trade."""
        point = Decimal(draw.random())
        for name in self.__slots__:
            share: Decimal = getattr(self, name)
            if point < share:
                return name
            point -= share
        return None


@dataclass(frozen=True, slots=True)
class Act:
    """One record to publish. mishap: its name, None for a plain report. broken: which bad data, if any.

    event_id: the same as the first time when the sender repeats itself knowingly.
    """

    report: Report
    event_id: str
    mishap: str | None = None
    broken: str | None = None


@dataclass(slots=True)
class _Later:
    """Acts that are due some trades later, in the order of their due time."""

    draw: random.Random
    heap: list[tuple[int, int, Act]] = field(default_factory=list)
    count: int = 0

    def put(self, after: int, act: Act) -> int:
        """Keep an act for some trades after that one; return after which."""
        self.count += 1
        due = after + self.draw.randint(_SOONEST, _LATEST)
        heapq.heappush(self.heap, (due, self.count, act))
        return due

    def due(self, now: int | None) -> Iterator[Act]:
        while self.heap and (now is None or self.heap[0][0] <= now):
            yield heapq.heappop(self.heap)[2]


def play(trades: Iterable[TapeTrade], desk: Desk, rates: Rates, draw: random.Random) -> Iterator[Act]:
    """Yield everything that the front office publishes."""
    later, before = _Later(draw), None
    for now, trade in enumerate(trades):
        yield from later.due(now)
        execution = desk.execute(trade)
        mishap = rates.pick(draw)
        act = _first(execution, mishap, desk, draw)
        yield act
        due = now
        for sequel in _sequels(act, before or execution, draw):
            due = later.put(due, sequel)
        before = execution
    yield from later.due(None)


def _first(execution: TradeExecuted, mishap: str | None, desk: Desk, draw: random.Random) -> Act:
    match mishap:
        case "fat_fingers":
            return Act(replace(execution, price=execution.price * 10), new_id(), mishap)
        case "leavers":
            leaver = desk.leaver(execution.trade_date)
            if leaver is None:
                return Act(execution, new_id())
            return Act(replace(execution, trader=leaver), new_id(), mishap)
        case "bad_data":
            return Act(execution, new_id(), mishap, draw.choice(list(BAD_DATA)))
        case _:
            return Act(execution, new_id(), mishap)


def _sequels(act: Act, before: TradeExecuted, draw: random.Random) -> Iterator[Act]:
    """Yield what is heard of a trade later. before: the execution reported before it, with which it may be mixed up."""
    execution = act.report
    if not isinstance(execution, TradeExecuted):
        return
    match act.mishap:
        case "amends":
            yield Act(_corrected(execution, before, draw), new_id(), act.mishap)
        case "amends_again":
            yield Act(_corrected(execution, before, draw), new_id(), act.mishap)
            yield Act(_changed_again(execution, before, draw), new_id(), act.mishap)
        case "busts":
            yield Act(_busted(execution), new_id(), act.mishap)
        case "resends":
            again = act.event_id if draw.random() < 0.5 else new_id()
            yield Act(execution, again, act.mishap)
        case "conflicting_resends":
            other = replace(execution, quantity=execution.quantity * 2)
            yield Act(other, new_id(), act.mishap)


def _changed_again(
    execution: TradeExecuted, before: TradeExecuted, draw: random.Random
) -> TradeCorrected | TradeBusted:
    """Return the third version of a trade: corrected once more, corrected back to what it was, or busted."""
    report: TradeCorrected | TradeBusted
    match draw.choice(("corrected", "corrected back", "busted")):
        case "corrected":
            report = _corrected(execution, before, draw)
        case "corrected back":
            report = _second(execution, execution)
        case _:
            report = _busted(execution)
    return replace(report, version=3)


def _corrected(execution: TradeExecuted, before: TradeExecuted, draw: random.Random) -> TradeCorrected:
    """Return the trade stated again: with what the one before it was about, of another size, or at another price."""
    kind = draw.random()
    if kind < _MIXED_UP:
        return _second(execution, before)
    if kind < _RESIZED:
        terms = replace(execution, quantity=execution.quantity * 2, charges=())
    else:
        price = (execution.price * Decimal("1.001")).quantize(Decimal("0.01"), ROUND_HALF_UP)
        terms = replace(execution, price=price)
    if terms.accrued_interest is not None:
        terms = replace(terms, accrued_interest=terms.accrued_interest * terms.quantity / execution.quantity)
    return _second(execution, terms)


def _second(execution: TradeExecuted, terms: TradeExecuted) -> TradeCorrected:
    """Return the second version of an execution, with the terms of the other."""
    name = {"source_system": execution.source_system, "trade_reference": execution.trade_reference}
    return TradeCorrected(**{**asdict(terms), **name, "version": 2})


def _busted(execution: TradeExecuted) -> TradeBusted:
    return TradeBusted(
        source_system=execution.source_system,
        trade_reference=execution.trade_reference,
        version=2,
        reason="clearly erroneous: busted by the exchange",
    )
