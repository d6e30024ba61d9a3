"""One captured trade, compared across compliance, settlement and ledger."""

from dataclasses import dataclass
from decimal import Decimal

from backoffice_cli.reconciliation.records import (
    Booked,
    Captured,
    Decision,
    JournalReference,
    Settled,
    Settlement,
)
from backoffice_cli.reconciliation.report import Report, TradeCounts


@dataclass(frozen=True, slots=True)
class TradeSides:
    """What each service says of one trade; None: it does not know the trade.

    settled: over all instructions, when there was more than one.
    """

    captured: Captured
    decision: Decision | None
    settlement: Settlement | None
    booked: Booked | None
    settled: Settled | None


def compare_trade(report: Report, sides: TradeSides) -> None:
    """Count the trade, and take note of every disagreement about it."""
    _count(report.trades, sides)
    before = len(report.breaks)
    _compare_decision(report, sides)
    _compare_settlement(report, sides)
    _compare_books(report, sides)
    missing = sides.settlement is None or sides.booked is None
    if missing or (sides.decision is None and not sides.captured.cancelled):
        report.unaccounted += 1
        assert len(report.breaks) > before  # noqa: S101  whatever is unaccounted is named


def _count(counts: TradeCounts, sides: TradeSides) -> None:
    counts.captured += 1
    if sides.captured.cancelled:
        counts.cancelled += 1
    else:
        _count_confirmation(counts, sides.captured)
        _count_decision(counts, sides)
    if sides.settlement is not None:
        _count_settlement(counts, sides.settlement)


def _count_confirmation(counts: TradeCounts, trade: Captured) -> None:
    if trade.confirmed:
        counts.confirmed += 1
    elif trade.confirmation_status == "MISMATCHED":
        counts.mismatched += 1
    else:
        counts.unconfirmed += 1


def _count_decision(counts: TradeCounts, sides: TradeSides) -> None:
    outcome = sides.decision.outcome if sides.decision else None
    if outcome == "CLEARED":
        counts.cleared += 1
    elif outcome == "HELD":
        counts.held += 1
    elif outcome == "BLOCKED":
        counts.blocked += 1


def _count_settlement(counts: TradeCounts, settlement: Settlement) -> None:
    counts.instructed += settlement.instruction is not None
    counts.settled += settlement.state == "SETTLED"
    counts.partially_settled += settlement.state == "PARTIALLY_SETTLED"
    counts.failing += settlement.failing


def _compare_decision(report: Report, sides: TradeSides) -> None:
    trade = sides.captured
    if trade.cancelled:
        return
    found = f"version {sides.decision.trade_version}" if sides.decision else "nothing"
    report.expect("compliance", f"{trade.trade_id} decision on", f"version {trade.version}", found)


def _compare_settlement(report: Report, sides: TradeSides) -> None:
    trade, settlement = sides.captured, sides.settlement
    if settlement is None:
        report.expect("settlement", trade.trade_id, "a settlement", "nothing")
        return
    key = trade.trade_id
    report.expect("settlement", f"{key} version", trade.version, settlement.trade_version)
    report.expect("settlement", f"{key} cancelled", trade.cancelled, settlement.cancelled)
    if trade.cancelled:
        return
    _compare_terms(report, trade, settlement)
    report.expect("settlement", f"{key} confirmed", trade.confirmed, settlement.confirmed)
    outcome = sides.decision.outcome if sides.decision else None
    report.expect("settlement", f"{key} decision", outcome, settlement.decision)
    ready = trade.confirmed and outcome == "CLEARED" and not settlement.exceptions
    if ready and settlement.state == "AWAITING_INSTRUCTION":
        report.expect("settlement", f"{key} confirmed and cleared", "instructed", settlement.state)
    _compare_instruction(report, sides, settlement)


def _compare_terms(report: Report, trade: Captured, settlement: Settlement) -> None:
    key = trade.trade_id
    report.expect("settlement", f"{key} ISIN", trade.isin, settlement.isin)
    report.expect("settlement", f"{key} book", trade.book, settlement.book)
    report.expect("settlement", f"{key} settlement date", trade.settlement_date, settlement.settlement_date)


def _compare_instruction(report: Report, sides: TradeSides, settlement: Settlement) -> None:
    """What the CSD was told of this version is its terms, and stands only while it is confirmed and cleared."""
    trade, last = sides.captured, settlement.instruction
    if last is None or last.trade_version != trade.version:
        return
    report.expect("settlement", f"{trade.trade_id} instructed quantity", trade.quantity, last.quantity)
    report.expect("settlement", f"{trade.trade_id} instructed amount", trade.net_amount, last.amount)
    may_settle = settlement.confirmed and settlement.decision == "CLEARED"
    if settlement.state == "INSTRUCTED" and not may_settle and last.cancellation.status is None:
        report.expect("settlement", f"{trade.trade_id} instruction", "called back", "left with the CSD")


def _compare_books(report: Report, sides: TradeSides) -> None:
    trade, booked = sides.captured, sides.booked
    if booked is None:
        report.expect("ledger", trade.trade_id, "journals", "nothing")
        return
    key = trade.trade_id
    standing = [journal.trade_version for journal in _standing(booked)]
    expected = [] if trade.cancelled else [trade.version]
    report.expect("ledger", f"{key} trade-date journals that stand", expected, standing)
    report.expect("ledger", f"{key} trade-date quantity", trade.position, booked.trade_date_quantity)
    if sides.settlement is not None:
        _compare_settled(report, sides, sides.settlement, booked)


def _standing(booked: Booked) -> list[JournalReference]:
    taken_back = {journal.reverses for journal in booked.journals if journal.reverses}
    return [
        journal
        for journal in booked.journals
        if journal.kind == "TRADE_DATE" and journal.journal_id not in taken_back
    ]


def _compare_settled(report: Report, sides: TradeSides, settlement: Settlement, booked: Booked) -> None:
    key = sides.captured.trade_id
    settled = sides.settled or last_instruction(settlement)
    cash = sum((amounts.cash for amounts in booked.amounts), Decimal(0))
    report.expect("ledger", f"{key} settled quantity", settled.quantity, booked.settled_quantity)
    report.expect("ledger", f"{key} cash", settled.amount, cash)
    failing = _failing_quantity(sides.captured, settlement)
    report.expect("ledger", f"{key} failing", failing, booked.failing_quantity)
    in_flight = sum((amounts.unsettled + amounts.fails for amounts in booked.amounts), Decimal(0))
    report.expect("ledger", f"{key} in flight", sides.captured.money - settled.amount, in_flight)


def _failing_quantity(trade: Captured, settlement: Settlement) -> Decimal:
    """Return what fails of the trade as it stands, signed as a position.

    A fail is the trade version's: the books keep it when the CSD cancels the instruction, and end it with the version,
    though the CSD may still hold the instruction because it denied the cancellation.
    """
    last = settlement.instruction
    if last is None or last.failed_on is None or last.trade_version != trade.version or trade.cancelled:
        return Decimal(0)
    remaining = last.quantity - last.settled_quantity
    return remaining if trade.side == "BUY" else -remaining


def last_instruction(settlement: Settlement) -> Settled:
    """Return what settled by the last instruction."""
    if settlement.instruction is None:
        return Settled(Decimal(0), Decimal(0))
    return settlement.instruction.settled
