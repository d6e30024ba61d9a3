"""Trades, the counterparties' word on them, and compliance's decisions: what makes a settlement ready or not."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from backoffice_chassis.secrecy.errors import UnreadableError
from backoffice_chassis.secrecy.transit import EventKeys, event_keys_of, opened
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from backoffice_events.contracts.trading import (
    Trade,
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

Fact = tuple[Received[Any], Trade | None]

_OUTCOMES: dict[type[Event], Outcome] = {
    TradeCleared: Outcome.CLEARED,
    TradeHeld: Outcome.HELD,
    TradeBlocked: Outcome.BLOCKED,
}


async def take_facts(batch: Batch) -> None:
    """Apply a batch of facts about trades, each trade's in order, and refuse trades whose accounts do not open.

    What comes behind a refused one of its trade is left alone: it will be handed over again after it.
    """
    keys = event_keys_of(batch.connection)
    by_trade: dict[str, list[Fact]] = defaultdict(list)
    refused: set[str] = set()
    for received in batch.events:
        if received.key in refused:
            continue
        try:
            fact = received, _whole_trade(received.event, keys)
        except UnreadableError as error:
            refused.add(received.key)
            batch.refuse(received, str(error))
        else:
            by_trade[received.key].append(fact)

    def apply(case: Case) -> None:
        for received, trade in by_trade[case.settlement.trade_id]:
            take_fact(case, received, trade)

    await change(batch, by_trade, apply)


def _whole_trade(event: Event, keys: EventKeys | None) -> Trade | None:
    """Return the trade of an event that carries one, with its accounts."""
    return opened(event, keys) if isinstance(event, TradeEvent) else None


def take_fact(case: Case, received: Received[Any], trade: Trade | None) -> None:
    """Apply one fact, and do what follows from it. trade: with its accounts, when the fact is one about its terms."""
    news = _WORDS[type(received.event)](case, received) if trade is None else _terms(case, received, trade)
    if news:
        advance(case, received)


def _terms(case: Case, received: Received[Any], trade: Trade) -> bool:
    cancelled = isinstance(received.event, TradeCancelled)
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
