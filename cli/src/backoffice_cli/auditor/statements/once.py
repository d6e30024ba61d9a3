"""Every effect happened once: one journal, one instruction, one settlement, one decision, one event for each cause."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from backoffice_cli.auditor.picture import Picture
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts.compliance import COMPLIANCE_DECISIONS
from backoffice_events.contracts.csd import CSD_ADVICES, CSD_INSTRUCTIONS
from backoffice_events.contracts.settlement import (
    SETTLEMENT_INSTRUCTIONS,
    InstructionFailing,
    InstructionSettled,
)
from backoffice_events.contracts.trading import TRADING_TRADES, TradeAmended, TradeCancelled, TradeCaptured


def one_journal_for_a_source_event(picture: Picture) -> Statement:
    """Count the journals of each event that must be booked, and find the event of each journal."""
    statement = Statement("every source event has its one journal, and every journal its event")
    booked = Counter(
        row["source_event_id"]
        for row in picture.evidence.ledger.journals
        if row["kind"] in {"TRADE_DATE", "SETTLEMENT", "FAILING"}
    )
    causes: set[str | None] = set()
    for topic in (TRADING_TRADES.name, SETTLEMENT_INSTRUCTIONS.name):
        causes |= {each.event_id for each in picture.evidence.topics.events(topic)}
        for each in picture.events(topic):
            if each.key not in picture.trades or each.key in picture.held.get("ledger.trades", ()):
                continue
            if isinstance(each.event, TradeCaptured | TradeAmended | InstructionSettled):
                name = f"{picture.names(each.key)} {each}"
                statement.expect(f"{name}, journals", 1, booked[each.event_id or ""])
    for row in picture.evidence.ledger.journals:
        key = f"{picture.names(row['trade_id'])} journal {row['journal_id']} {row['kind']} of event"
        known = row["source_event_id"] in causes
        statement.expect(f"{key} {row['source_event_id']}", "an event on a topic", _known(known=known))
    return statement


def _known(*, known: bool) -> str:
    return "an event on a topic" if known else "on no topic"


def nothing_taken_back_twice(picture: Picture) -> Statement:
    """Count what takes back each journal."""
    statement = Statement("no journal is taken back twice, and none that takes back is taken back itself")
    kinds = {row["journal_id"]: row["kind"] for row in picture.evidence.ledger.journals}
    reversed_ = Counter(
        row["reverses_journal_id"] for row in picture.evidence.ledger.journals if row["reverses_journal_id"]
    )
    trades = {row["journal_id"]: row["trade_id"] for row in picture.evidence.ledger.journals}
    for journal_id, times in reversed_.items():
        name = picture.names(trades.get(journal_id, "unknown"))
        statement.expect(f"{name} journal {journal_id}, taken back", 1, times)
        kind = kinds.get(journal_id)
        statement.expect(
            f"{name} journal {journal_id} that was taken back", True, kind in {"TRADE_DATE", "FAILING"}
        )
    return statement


def one_instruction_for_a_version(picture: Picture) -> Statement:
    """Count the instructions of each version of a trade, in the database and on the CSD's topic."""
    statement = Statement(
        "every trade version is instructed once, again only after the CSD cancelled it at our request; "
        "each instruction is sent once"
    )
    for trade in picture.trades.values():
        free = Counter(
            row["trade_version"]
            for row in trade.instructions
            if not (row["processing_status"] == "CAND" and row["cancellation_status"])
        )
        for row in trade.instructions:
            version = row["trade_version"]
            key = f"{picture.names(trade.trade_id)} version {version}, instructions that count"
            statement.expect(key, True, free[version] <= 1)
    sent = Counter(
        each.key
        for each in picture.events(CSD_INSTRUCTIONS.name)
        if each.event_type == "backoffice.csd.instruction-sent.v1"
    )
    for row in picture.evidence.settlement.instructions:
        key = f"{picture.names(row['trade_id'])} instruction {row['instruction_id']}, sent to the CSD"
        statement.expect(key, 1, sent[row["instruction_id"]])
    return statement


def one_settlement_for_a_confirmation(picture: Picture) -> Statement:
    """Follow each of the CSD's confirmations into settlement, onto the topic and into the ledger."""
    statement = Statement(
        "every confirmation of the CSD settled once: in settlement, in what it announced, and in the ledger"
    )
    evidence = picture.evidence
    stored = Counter(
        (row["instruction_id"], row["csd_reference"]) for row in evidence.settlement.confirmations
    )
    said = Counter(
        (each.event.instruction_id, each.event.csd_reference)
        for each in picture.events(SETTLEMENT_INSTRUCTIONS.name)
        if isinstance(each.event, InstructionSettled)
    )
    booked = Counter(
        (row["instruction_id"], row["csd_reference"])
        for row in evidence.ledger.journals
        if row["kind"] == "SETTLEMENT"
    )
    held = picture.held.get("settlement.csd", frozenset())
    owners = {row["instruction_id"]: row["trade_id"] for row in evidence.settlement.instructions}
    confirmed = {
        (instruction, each.reference)
        for instruction, advices in picture.settled.items()
        if instruction in owners and instruction not in held
        for each in advices
    }
    known = {key for key in (*stored, *booked) if key[0] not in held}
    for key in sorted(confirmed | known):
        right = 1 if key in confirmed else 0
        trade_id = owners.get(key[0], "")
        name = f"{picture.names(trade_id)} instruction {key[0]} confirmation {key[1]}"
        statement.expect(f"{name}, settled", right, stored[key])
        statement.expect(f"{name}, announced", right, said[key])
        if trade_id not in picture.held.get("ledger.trades", ()):
            statement.expect(f"{name}, booked", right, booked[key])
    return statement


def one_decision_of_the_checks(picture: Picture) -> Statement:
    """Count what the checks decided on each version of a trade."""
    statement = Statement(
        "the checks decided once on every version of a trade, and every decision was announced once"
    )
    announced = Counter(
        (each.key, getattr(each.event, "decision_version", None))
        for each in picture.events(COMPLIANCE_DECISIONS.name)
    )
    for trade in picture.trades.values():
        decided = Counter(row["trade_version"] for row in trade.decisions if row["decided_by"] is None)
        for version, times in decided.items():
            statement.expect(f"{picture.names(trade.trade_id)} version {version}, decisions", 1, times)
        for row in trade.decisions:
            number = row["decision_version"]
            key = f"{picture.names(trade.trade_id)} decision {number}, announced"
            statement.expect(key, 1, announced[trade.trade_id, number])
    return statement


def each_fact_is_said_once(picture: Picture) -> Statement:
    """Count the events, of different ids, that state the same fact."""
    statement = Statement("no fact is announced under two event ids")
    for topic, fact in _FACTS.items():
        facts = Counter(named for each in picture.events(topic) if (named := fact(each.event)) is not None)
        for named, times in facts.items():
            if named[0] in picture.trades:
                statement.expect(f"{picture.names(str(named[0]))} {named[1:]}, announced", 1, times)
    return statement


def _trade_fact(event: Any) -> tuple[Hashable, ...] | None:
    if isinstance(event, TradeCaptured | TradeAmended | TradeCancelled):
        return event.trade.trade_id, "version", event.trade.version
    return None


def _instruction_fact(event: Any) -> tuple[Hashable, ...] | None:
    if isinstance(event, InstructionFailing):
        return event.trade_id, "failing", event.instruction_id
    return (event.trade_id, "settled", event.instruction_id, event.csd_reference)


_FACTS: dict[str, Callable[[Any], tuple[Hashable, ...] | None]] = {
    TRADING_TRADES.name: _trade_fact,
    SETTLEMENT_INSTRUCTIONS.name: _instruction_fact,
}


def history_holds_an_event_once(picture: Picture) -> Statement:
    """Count the lines that an event left in the history of a settlement."""
    statement = Statement("every event that settlement took stands once in the history of its trade")
    lines = Counter(
        (row["trade_id"], str(row["event_id"]), row["kind"])
        for row in picture.evidence.settlement.history
        if row["event_id"] is not None
    )
    for (trade_id, event_id, kind), times in lines.items():
        statement.expect(f"{picture.names(trade_id)} {kind} event {event_id}, lines", 1, times)
    heard = {event_id for _, event_id, _ in lines}
    instructed = {row["instruction_id"]: row["trade_id"] for row in picture.evidence.settlement.instructions}
    held = picture.held.get("settlement.csd", frozenset())
    for each in picture.events(CSD_ADVICES.name):
        if each.key in instructed and each.key not in held:
            key = f"{picture.names(instructed[each.key])} {each}"
            statement.expect(f"{key}, in the history", True, each.event_id in heard)
    return statement


STATEMENTS = (
    one_journal_for_a_source_event,
    nothing_taken_back_twice,
    one_instruction_for_a_version,
    one_settlement_for_a_confirmation,
    one_decision_of_the_checks,
    each_fact_is_said_once,
    history_holds_an_event_once,
)
