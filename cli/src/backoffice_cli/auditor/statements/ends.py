"""Every event and every trade comes to exactly one end in every service."""

from collections import Counter, defaultdict

from backoffice_cli.auditor.consumers import CONSUMERS, Consumer
from backoffice_cli.auditor.evidence.databases import Row
from backoffice_cli.auditor.evidence.topics import Logged
from backoffice_cli.auditor.model.execution import Fate
from backoffice_cli.auditor.picture import Picture, TradePicture
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts import all_contracts

_TAKEN, _RESENT, _REPAIR, _DEAD = "taken in", "resent", "in the repair queue", "a dead letter"
_MAY_END = {
    Fate.TAKEN: {_TAKEN, f"{_REPAIR} and {_TAKEN}"},
    Fate.RESENT: {_RESENT},
    Fate.REPAIR: {_REPAIR},
    Fate.REFUSED: {_REPAIR, _DEAD, _RESENT},
    Fate.UNCERTAIN: {_TAKEN, _RESENT, _REPAIR, _DEAD, f"{_REPAIR} and {_TAKEN}"},
}


def published_has_one_end(picture: Picture) -> Statement:
    """Find the one place of each report in trade-capture, and hold it against what the inputs imply."""
    statement = Statement(
        "every published report has exactly one end in trade-capture, and the one that the inputs imply"
    )
    ends, worked_on = _ends(picture), _worked_on(picture)
    for key, reports in picture.reports.items():
        fates = picture.executions[key].fates
        for report in reports:
            found = _end(ends, report)
            fate = Fate.UNCERTAIN if key in worked_on else fates[report.place]
            expected = _MAY_END[fate]
            right = " or ".join(sorted(expected))
            statement.expect(f"{':'.join(key)} {report}", right, right if found in expected else found)
    return statement


def _ends(picture: Picture) -> dict[tuple[str, int, int], Counter[str]]:
    capture = picture.evidence.capture
    ends: dict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
    for rows, end in (
        (capture.versions, _TAKEN),
        (capture.resends, _RESENT),
        (capture.repairs, _REPAIR),
    ):
        for row in rows:
            ends[row["topic"], row["partition"], row["record_offset"]][end] += 1
    for row in picture.evidence.messaging["trade-capture"].dead_letters:
        ends[row["topic"], row["partition"], row["record_offset"]][_DEAD] += row["status"] != "redriven"
    return ends


def _end(ends: dict[tuple[str, int, int], Counter[str]], report: Logged) -> str:
    found = +ends[report.place]
    return " and ".join(
        sorted(end if times == 1 else f"{end} {times} times" for end, times in found.items())
    ) or ("nowhere")


def _worked_on(picture: Picture) -> set[tuple[str, str]]:
    """Return the executions whose repair queue people worked on: the inputs alone tell no ends of their reports."""
    repaired = {trade.key for trade in picture.trades.values() if trade.row["repaired"]}
    rejected = {
        (row["source_system"], row["trade_reference"])
        for row in picture.evidence.capture.repairs
        if row["status"] == "REJECTED"
    }
    return repaired | rejected


def every_consumer_took_its_events(picture: Picture) -> Statement:
    """Look in each consumer's inbox for each event of its topics."""
    statement = Statement("every event on a topic was taken once by each consumer of it: its inbox knows it")
    for consumer in CONSUMERS:
        inbox = Counter(
            row["event_id"]
            for row in picture.evidence.messaging[consumer.service].inbox
            if row["consumer"] == consumer.group
        )
        for topic in sorted(consumer.topics):
            for event in _wanted(picture, consumer, topic):
                key = f"{consumer.group} {event.key} {event}"
                statement.expect(key, "taken", _times(inbox[event.inbox_id]))
    return statement


def _times(number: int) -> str:
    return {0: "not in the inbox", 1: "taken"}.get(number, f"{number} times in the inbox")


def _wanted(picture: Picture, consumer: Consumer, topic: str) -> list[Logged]:
    """Return the records that a consumer has business with: its own types, and what nobody can read."""
    wanted = {contract.event_type for contract in consumer.takes}
    known = {contract.event_type for contract in all_contracts() if contract.topic.name == topic}
    seen: set[str] = set()
    records = []
    for each in picture.evidence.topics.of(topic):
        passed_over = each.value is None and each.topic.startswith(("reference.", "hr."))
        foreign = each.event_type in known and each.event_type not in wanted
        if not passed_over and not foreign and each.inbox_id not in seen:
            seen.add(each.inbox_id)
            records.append(each)
    return records


def captured_trades_are_known(picture: Picture) -> Statement:
    """Find each captured trade in compliance, settlement and ledger, in one state each, at its last version."""
    statement = Statement(
        "every captured trade has exactly one end state in compliance, settlement and ledger, at its last version"
    )
    compliance = {row["trade_id"]: row for row in picture.evidence.compliance.trades}
    waiting = {row["trade_id"]: row for row in picture.evidence.compliance.waiting}
    for trade in picture.trades.values():
        name, version = picture.names(trade.trade_id), trade.row["version"]
        known = compliance.get(trade.trade_id)
        if trade.trade_id not in picture.held.get("compliance.trades", ()):
            found = _compliance(known, waiting.get(trade.trade_id))
            right = f"version {version} cancelled" if trade.cancelled else f"version {version} decided"
            statement.expect(f"{name} in compliance", right, found)
        if trade.trade_id not in picture.held.get("settlement.trades", ()):
            statement.expect(f"{name} in settlement", _settles(trade), _settlement(trade))
        if trade.trade_id not in picture.held.get("ledger.trades", ()):
            expected = [] if trade.cancelled else [version]
            statement.expect(
                f"{name} in the ledger, trade-date journals that stand", expected, _standing(trade)
            )
    return statement


def _compliance(known: Row | None, waiting: Row | None) -> str:
    if known is None:
        return "unknown"
    if waiting is not None:
        return f"waiting for {waiting['missing']}"
    decided = known["status"] in {"CLEARED", "HELD", "BLOCKED"} or known["cancelled"]
    word = "cancelled" if known["cancelled"] else "decided" if decided else "undecided"
    return f"version {known['version']} {word}"


def _settles(trade: TradePicture) -> tuple[int, bool]:
    return trade.row["version"], trade.cancelled


def _settlement(trade: TradePicture) -> tuple[int, bool] | str:
    known = trade.settlement
    return "unknown" if known is None else (known["trade_version"], known["cancelled"])


def _standing(trade: TradePicture) -> list[int]:
    taken_back = {row["reverses_journal_id"] for row in trade.journals}
    return [
        row["trade_version"]
        for row in trade.journals
        if row["kind"] == "TRADE_DATE" and row["journal_id"] not in taken_back
    ]


def ready_trades_are_instructed(picture: Picture) -> Statement:
    """Find the instruction of each trade that is confirmed and cleared."""
    statement = Statement(
        "every trade that is confirmed and cleared has been instructed, and no other is instructed"
    )
    for trade in picture.trades.values():
        known = trade.settlement
        if known is None or trade.trade_id in picture.held.get("settlement.trades", ()):
            continue
        name, version = picture.names(trade.trade_id), trade.row["version"]
        decided = trade.decisions[-1]["status"] if trade.decisions else None
        if not trade.cancelled:
            agreed = trade.row["confirmation_status"] == "CONFIRMED"
            statement.expect(f"{name} confirmed, as settlement sees it", agreed, _agreed(known))
            statement.expect(f"{name} decided, as settlement sees it", decided, known["decision"])
        instructed = [row for row in trade.instructions if row["trade_version"] == version and row["live"]]
        settled = any(row["settled_quantity"] > 0 for row in trade.instructions)
        if known["state"] == "AWAITING_INSTRUCTION" and known["inexpressible"] is None and not settled:
            ready = trade.row["confirmation_status"] == "CONFIRMED" and decided == "CLEARED"
            statement.expect(f"{name} waits for its instruction because it is ready", False, ready)
        elif instructed and instructed[-1]["cancellation_status"] is None:
            statement.expect(
                f"{name} is instructed and cleared", ("CLEARED", False), (decided, trade.cancelled)
            )
    return statement


def _agreed(known: Row) -> bool:
    return bool(known["confirmed"] and known["confirmed_trade_version"] == known["trade_version"])


STATEMENTS = (
    published_has_one_end,
    every_consumer_took_its_events,
    captured_trades_are_known,
    ready_trades_are_instructed,
)
