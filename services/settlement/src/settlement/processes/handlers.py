"""Trades, the counterparties' word on them, and compliance's decisions: what makes a settlement ready or not."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from backoffice_events.contracts.trading import (
    TradeAmended,
    TradeCancelled,
    TradeCaptured,
    TradeConfirmed,
    TradeMismatched,
)
from backoffice_events.messaging import Batch, ConsumerSpec, Received
from settlement.processes.case import Case
from settlement.processes.domain import Outcome
from settlement.processes.progress import advance
from settlement.processes.store import change

_OUTCOMES: dict[type[Event], Outcome] = {
    TradeCleared: Outcome.CLEARED,
    TradeHeld: Outcome.HELD,
    TradeBlocked: Outcome.BLOCKED,
}


async def take_facts(batch: Batch) -> None:
    """Apply a batch of facts about trades, each trade's in order."""
    by_trade: dict[str, list[Received[Any]]] = defaultdict(list)
    for received in batch.events:
        by_trade[received.key].append(received)

    def apply(case: Case) -> None:
        for received in by_trade[case.settlement.trade_id]:
            take_fact(case, received)

    await change(batch, by_trade, apply)


def take_fact(case: Case, received: Received[Any]) -> None:
    """Apply one fact, and do what follows from it."""
    if _FACTS[type(received.event)](case, received):
        advance(case, received)


def _trade(case: Case, received: Received[Any]) -> bool:
    event = received.event
    cancelled = isinstance(event, TradeCancelled)
    news = case.settlement.take_trade(event.trade, cancelled=cancelled)
    if news:
        case.new_terms = event.trade
        case.changed.add("trade")
    kind = "TRADE_CANCELLED" if cancelled else "TRADE_TAKEN"
    case.note(kind, received, trade_version=event.trade.version, stale=not news)
    return news


def _confirmation(case: Case, received: Received[Any]) -> bool:
    event = received.event
    agrees = isinstance(event, TradeConfirmed)
    news = case.settlement.take_confirmation(event.trade_version, event.confirmation_version, agrees=agrees)
    if news:
        case.changed.add("confirmation")
    kind = "CONFIRMED" if agrees else "MISMATCHED"
    case.note(kind, received, trade_version=event.trade_version, stale=not news)
    return news


def _decision(case: Case, received: Received[Any]) -> bool:
    event = received.event
    outcome = _OUTCOMES[type(event)]
    news = case.settlement.take_decision(event.trade_version, event.decision_version, outcome)
    if news:
        case.changed.add("decision")
    case.note(
        outcome.value,
        received,
        trade_version=event.trade_version,
        decision_version=event.decision_version,
        stale=not news,
    )
    return news


_FACTS: dict[type[Event], Callable[[Case, Received[Any]], bool]] = {
    TradeCaptured: _trade,
    TradeAmended: _trade,
    TradeCancelled: _trade,
    TradeConfirmed: _confirmation,
    TradeMismatched: _confirmation,
    **dict.fromkeys(_OUTCOMES, _decision),
}

CONSUMER = ConsumerSpec(group="settlement.trades", contracts=tuple(_FACTS), handle=take_facts, ordered=True)
