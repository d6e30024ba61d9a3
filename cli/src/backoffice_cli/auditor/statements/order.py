"""Each key keeps its order: on every topic, and in what every service applied."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from backoffice_cli.auditor.evidence.topics import Logged
from backoffice_cli.auditor.picture import Picture, by
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts.compliance import COMPLIANCE_DECISIONS
from backoffice_events.contracts.csd import CSD_ADVICES, CSD_INSTRUCTIONS
from backoffice_events.contracts.hr import HR_EMPLOYEES
from backoffice_events.contracts.settlement import SETTLEMENT_INSTRUCTIONS
from backoffice_events.contracts.trading import TRADING_TRADES, TradeConfirmed, TradeMismatched


def one_partition_for_a_key(picture: Picture) -> Statement:
    """Look for keys whose events lie in more than one partition: nothing would keep their order."""
    statement = Statement("all events of a key lie in one partition of their topic")
    sent = {(said.event_id, said.value) for said in picture.evidence.records.front_office}
    for topic in picture.evidence.topics.names():
        partitions: dict[str, set[int]] = defaultdict(set)
        for each in picture.evidence.topics.of(topic):
            if each.event is not None and (each.event_id, each.value or b"") not in sent:
                partitions[each.key].add(each.partition)
        for key, found in partitions.items():
            statement.expect(f"{topic} {key}, partitions", 1, len(found))
    return statement


def versions_never_go_back(picture: Picture) -> Statement:
    """Follow the versions of each key through each topic, exact repeats of an event apart."""
    statement = Statement("on every topic the versions of a key rise; only exact repeats of an event go back")
    for topic, version in _VERSIONS.items():
        highest: dict[str, tuple[int, ...]] = {}
        for each in picture.events(topic):
            found = version(each.event)
            before = highest.get(each.key)
            rising = before is None or found >= before
            statement.expect(f"{each.key} {each}", f"after {before}", f"after {before}" if rising else found)
            highest[each.key] = max(found, before or found)
    return statement


def versions_have_no_gap(picture: Picture) -> Statement:
    """Count the versions of each key on each topic that numbers them from one."""
    statement = Statement("on every topic of a service the versions of a key are 1, 2, 3… with none missing")
    for topic, number in _NUMBERED.items():
        numbers: dict[str, list[int]] = defaultdict(list)
        for each in picture.events(topic):
            if (found := number(each.event)) is not None and each.key in picture.trades:
                numbers[each.key].append(found)
        for key, told in numbers.items():
            statement.expect(f"{topic} {picture.names(key)}", list(range(1, len(told) + 1)), sorted(told))
    return statement


def _trade_version(event: Any) -> int | None:
    trade = getattr(event, "trade", None)
    return None if trade is None else trade.version


def _trading(event: Any) -> tuple[int, ...]:
    if isinstance(event, TradeConfirmed | TradeMismatched):
        return (event.trade_version, 1)
    return (event.trade.version, 0)


def _employee(event: Any) -> tuple[int, ...]:
    return (event.employee.version,)


def _csd(event: Any) -> tuple[int, ...]:
    return (int(event.event_type.startswith("backoffice.csd.cancellation")),)


_VERSIONS: dict[str, Callable[[Any], tuple[int, ...]]] = {
    TRADING_TRADES.name: _trading,
    COMPLIANCE_DECISIONS.name: lambda event: (event.trade_version, event.decision_version),
    SETTLEMENT_INSTRUCTIONS.name: lambda event: (event.sequence,),
    CSD_INSTRUCTIONS.name: _csd,
    HR_EMPLOYEES.name: _employee,
    **{
        f"reference.{name}.v1": lambda event: (event.version,)
        for name in (
            *("instruments", "counterparties", "books", "settlement-instructions", "settlement-cycles"),
            *("calendars", "business-days"),
        )
    },
}
_NUMBERED: dict[str, Callable[[Any], int | None]] = {
    TRADING_TRADES.name: _trade_version,
    COMPLIANCE_DECISIONS.name: lambda event: event.decision_version,
    SETTLEMENT_INSTRUCTIONS.name: lambda event: event.sequence,
}


def settlement_applies_in_order(picture: Picture) -> Statement:
    """Compare the order in a settlement's history with that of each topic."""
    statement = Statement("settlement applied the events of each key in the order of their topic")
    applied: dict[str, dict[str, int]] = defaultdict(dict)
    for row in picture.evidence.settlement.history:
        if row["event_id"] is not None:
            applied[row["trade_id"]].setdefault(str(row["event_id"]), row["status_event_id"])
    owners = {row["instruction_id"]: row["trade_id"] for row in picture.evidence.settlement.instructions}
    for topic in (TRADING_TRADES.name, COMPLIANCE_DECISIONS.name, CSD_ADVICES.name):
        for key, events in _by_key(picture.events(topic)).items():
            trade_id = owners.get(key, key)
            places = [
                place for each in events if (place := applied[trade_id].get(each.event_id or "")) is not None
            ]
            if places:
                statement.expect(f"{topic} {picture.names(trade_id)} {key}", sorted(places), places)
    return statement


def journals_follow_versions(picture: Picture) -> Statement:
    """Follow the versions of the journals that trade events led to, in the order of their posting."""
    statement = Statement(
        "the ledger booked the versions of each trade, and what settled of it, in their order"
    )
    told = {"TRADE_DATE", "REVERSAL", "RELEASE"}
    sequence = {
        each.event_id: each.event.sequence  # type: ignore[union-attr]
        for each in picture.events(SETTLEMENT_INSTRUCTIONS.name)
    }
    for trade_id, rows in by(picture.evidence.ledger.journals, "trade_id").items():
        versions = [row["trade_version"] for row in rows if row["kind"] in told]
        statement.expect(f"{picture.names(trade_id)} versions booked", sorted(versions), versions)
        settled = [found for row in rows if (found := sequence.get(row["source_event_id"])) is not None]
        statement.expect(f"{picture.names(trade_id)} settlement events booked", sorted(settled), settled)
    return statement


def decisions_follow_versions(picture: Picture) -> Statement:
    """Follow the trade versions that compliance decided on."""
    statement = Statement("compliance decided on the versions of each trade in their order")
    for trade in picture.trades.values():
        versions = [row["trade_version"] for row in trade.decisions]
        times = [row["decided_at"] for row in trade.decisions]
        numbers = [row["decision_version"] for row in trade.decisions]
        name = picture.names(trade.trade_id)
        statement.expect(f"{name} versions decided on", sorted(versions), versions)
        statement.expect(f"{name} decisions", list(range(1, len(times) + 1)), numbers)
    return statement


def captured_in_order(picture: Picture) -> Statement:
    """Follow the versions of the front office that trade-capture took in, and ours."""
    statement = Statement("trade-capture took the front office's versions of each trade in their order")
    for trade_id, rows in by(picture.evidence.capture.versions, "trade_id").items():
        changes = [row["version"] for row in rows if row["change"] != "UNCHANGED"]
        name = picture.names(trade_id)
        statement.expect(f"{name} versions", list(range(1, len(changes) + 1)), changes)
        last = rows[-1]
        row = picture.trades[trade_id].row
        found = (row["version"], row["source_version"])
        statement.expect(f"{name} stands at", (last["version"], last["source_version"]), found)
    return statement


def _by_key(events: Iterable[Logged]) -> dict[str, list[Logged]]:
    groups: dict[str, list[Logged]] = defaultdict(list)
    for each in events:
        groups[each.key].append(each)
    return groups


STATEMENTS = (
    one_partition_for_a_key,
    versions_never_go_back,
    versions_have_no_gap,
    settlement_applies_in_order,
    journals_follow_versions,
    decisions_follow_versions,
    captured_in_order,
)
