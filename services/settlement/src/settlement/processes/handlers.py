"""Trades, the counterparties' word on them, and compliance's decisions: what makes a settlement ready or not."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from backoffice_chassis.secrecy.transit import EventKeys, event_keys_of, opened
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from backoffice_events.contracts.trading import (
    TradeAmended,
    TradeCancelled,
    TradeCaptured,
    TradeConfirmed,
    TradeEvent,
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

    keys = event_keys_of(batch.connection)

    def apply(case: Case) -> None:
        for received in by_trade[case.settlement.trade_id]:
            take_fact(case, received, keys)

    await change(batch, by_trade, apply)


def take_fact(case: Case, received: Received[Any], keys: EventKeys | None) -> None:
    """Apply one fact, and do what follows from it. keys: what its accounts are encrypted by."""
    event = received.event
    is_trade = isinstance(event, TradeEvent)
    news = _trade(case, received, keys) if is_trade else _WORDS[type(event)](case, received)
    if news:
        advance(case, received)


def _trade(case: Case, received: Received[Any], keys: EventKeys | None) -> bool:
    event = received.event
    trade = opened(event, keys)
    cancelled = isinstance(event, TradeCancelled)
    news = case.settlement.take_trade(trade, cancelled=cancelled)
    if news:
        case.new_terms = trade
        case.changed.add("trade")
    kind = "TRADE_CANCELLED" if cancelled else "TRADE_TAKEN"
    case.note(kind, received, trade_version=trade.version, stale=not news)
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


_WORDS: dict[type[Event], Callable[[Case, Received[Any]], bool]] = {
    TradeConfirmed: _confirmation,
    TradeMismatched: _confirmation,
    **dict.fromkeys(_OUTCOMES, _decision),
}

CONSUMER = ConsumerSpec(
    group="settlement.trades",
    contracts=(TradeCaptured, TradeAmended, TradeCancelled, *_WORDS),
    handle=take_facts,
    ordered=True,
)
