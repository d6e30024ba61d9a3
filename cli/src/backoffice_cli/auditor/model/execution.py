"""What becomes of the reports of one execution, in the order in which they stand on the topic."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from backoffice_cli.auditor.model.market import Market
from backoffice_cli.auditor.model.terms import Report, Terms, Verdict, price
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted

K = TypeVar("K", bound=Hashable)


class Fate(Enum):
    """The one end of a report. UNCERTAIN: the inputs alone do not tell, so any single end is right."""

    TAKEN = "taken in"
    RESENT = "recognised as resent"
    REPAIR = "in the repair queue"
    REFUSED = "in the repair queue or a dead letter"
    UNCERTAIN = "any one of these"


@dataclass(frozen=True, slots=True)
class Reported:
    """One record of the topic. event: None when it keeps to no contract. place: topic, partition and offset."""

    place: tuple[str, int, int]
    event: Event | None
    value: bytes


@dataclass(slots=True)
class Execution:
    """One execution as the inputs make it.

    terms: in force, None before it is captured. version: ours, one more with each change. source_version: the last
    that was taken in. history: terms by our version. certain: False once something hung on the moment.
    """

    terms: Terms | None = None
    version: int = 0
    source_version: int = 0
    cancelled: bool = False
    certain: bool = True
    fates: dict[tuple[str, int, int], Fate] = field(default_factory=dict)
    history: dict[int, Terms] = field(default_factory=dict)
    _stated: dict[int, Event] = field(default_factory=dict)
    _waiting: dict[int, Reported] = field(default_factory=dict)

    def hear(self, reported: Reported, market: Market) -> None:
        """Take the next report of the execution."""
        if not self.certain:
            self.fates[reported.place] = Fate.UNCERTAIN
            return
        if not isinstance(reported.event, TradeExecuted | TradeCorrected | TradeBusted):
            self.fates[reported.place] = Fate.REFUSED
            return
        self.fates[reported.place] = self._judge(reported, market)
        self._go_on(market)

    def _judge(self, reported: Reported, market: Market) -> Fate:
        event = reported.event
        assert isinstance(event, TradeExecuted | TradeCorrected | TradeBusted)  # noqa: S101 - for the type checker
        known = self._stated.get(event.version)
        if known is not None:
            return Fate.RESENT if known == event else Fate.REPAIR
        self._stated[event.version] = event
        if isinstance(event, TradeExecuted) != (event.version == 1) or event.version <= self.source_version:
            return Fate.REPAIR
        if event.version > self.source_version + 1:
            self._waiting[event.version] = reported
            return Fate.REPAIR
        return self._take(event, market)

    def _take(self, event: Report | TradeBusted, market: Market) -> Fate:
        if self.cancelled:
            return Fate.REPAIR
        if isinstance(event, TradeBusted):
            if self.terms is None or not event.reason.isprintable() or len(event.reason) > 140:
                return Fate.REPAIR
            self._changed(event.version, self.terms)
            self.cancelled = True
            return Fate.TAKEN
        same_date = self.terms is not None and self.terms.trade_date == event.trade_date
        verdict, terms = price(event, market, same_date=same_date)
        if verdict is Verdict.DOUBTFUL:
            return self._give_up()
        if terms is None or verdict is Verdict.BAD:
            return Fate.REPAIR
        if terms == self.terms:
            self.source_version = event.version
        else:
            self._changed(event.version, terms)
        return Fate.TAKEN

    def _changed(self, source_version: int, terms: Terms) -> None:
        self.version += 1
        self.source_version = source_version
        self.terms = self.history[self.version] = terms

    def _go_on(self, market: Market) -> None:
        """Take what waited for the version that was just taken."""
        while self.certain and (following := self._waiting.pop(self.source_version + 1, None)) is not None:
            event = following.event
            assert isinstance(event, TradeCorrected | TradeBusted | TradeExecuted)  # noqa: S101
            self.fates[following.place] = self._take(event, market)
            if self.fates[following.place] is not Fate.TAKEN:
                return

    def _give_up(self) -> Fate:
        self.certain = False
        return Fate.UNCERTAIN


def replay(reports: Iterable[tuple[K, Reported]], market: Market) -> dict[K, Execution]:
    """Return what becomes of each execution's reports; those of different executions may come in any order.

    Where one of several of an execution keeps to no contract, what it stood for cannot be told, so nothing of it is
    certain.
    """
    heard: dict[K, list[Reported]] = defaultdict(list)
    for name, reported in reports:
        heard[name].append(reported)
    return {name: _replayed(each, market) for name, each in heard.items()}


def _replayed(reports: Sequence[Reported], market: Market) -> Execution:
    execution = Execution(certain=len(reports) == 1 or all(each.event is not None for each in reports))
    for reported in reports:
        execution.hear(reported, market)
    return execution
