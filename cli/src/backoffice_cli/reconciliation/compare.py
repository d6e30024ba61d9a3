"""The comparison itself: pure, from a snapshot of all sides to a report."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from backoffice_cli.reconciliation.per_trade import TradeSides, compare_trade
from backoffice_cli.reconciliation.records import (
    Captured,
    ConfirmationDifference,
    DeadLetter,
    Difference,
    Place,
    Published,
    Repair,
    SettledTotal,
    Snapshot,
    TradeKey,
)
from backoffice_cli.reconciliation.report import Report

FRONT_OFFICE_TOPIC = "frontoffice.trades.v1"
_IN_REPAIR = ("OPEN", "WAITING")


def compare(snapshot: Snapshot) -> Report:
    """Return what all sides say and every disagreement between them."""
    report = Report()
    _count_twice(report, snapshot)
    _compare_entry(report, snapshot)
    _compare_trades(report, snapshot)
    _compare_totals(report, snapshot)
    _check_ledger(report, snapshot)
    _check_messaging(report, snapshot)
    return report


def _count_twice(report: Report, snapshot: Snapshot) -> None:
    """Find what is there more than once in any one place."""
    keys: dict[str, Iterable[object]] = {
        "trade-capture": [trade.key for trade in snapshot.captured],
        "compliance": [decision.trade_id for decision in snapshot.decisions],
        "settlement": [settlement.trade_id for settlement in snapshot.settlements],
        "ledger": [booked.trade_id for booked in snapshot.booked],
    }
    for service, found in keys.items():
        for key, times in Counter(found).items():
            if times > 1:
                report.duplicates += times - 1
                report.expect(service, key, "once", f"{times} times")
    report.duplicates += snapshot.controls.duplicates


def _compare_entry(report: Report, snapshot: Snapshot) -> None:
    """Find each published trade in trade-capture, taken in or in repair; and each captured one at the front office."""
    captured = {trade.key: trade for trade in snapshot.captured}
    repairs: dict[TradeKey, list[Repair]] = defaultdict(list)
    for repair in snapshot.repairs:
        repairs[TradeKey(repair.source_system, repair.trade_reference)].append(repair)
    dead = dead_places(snapshot.dead_letters)
    published = snapshot.published
    for key in published.versions:
        if key not in captured and key not in repairs and dead.issuperset(published.places[key]):
            continue  # its dead letters are its place
        _account(report, key, _awaited(published, key, dead), captured.get(key), repairs[key])
    for place in published.nameless:
        if place not in dead:
            report.unaccounted += 1
            report.expect("trade-capture", f"{FRONT_OFFICE_TOPIC} {place}", "a dead letter", "nothing")
    for trade in snapshot.captured:
        if trade.key not in published.versions:
            _account_unpublished(report, published, trade)
    _count_entered_repairs(report, repairs, captured, published.versions)


def _awaited(published: Published, key: TradeKey, dead: set[Place]) -> set[int]:
    """Return the versions of a trade that must be somewhere: without those that came as dead letters alone."""
    places = {version: published.corrections.get((key, version)) for version in published.versions[key]}
    return {version for version, found in places.items() if not (found and dead.issuperset(found))}


def _account(
    report: Report, key: TradeKey, versions: set[int], trade: Captured | None, repairs: list[Repair]
) -> None:
    report.trades.published += 1
    if trade is None:
        _account_uncaptured(report, key, repairs)
        return
    taken = {repair.source_version for repair in repairs}
    missing = sorted(
        version for version in versions if version > trade.source_version and version not in taken
    )
    if missing:
        report.unaccounted += 1
        report.expect(
            "trade-capture",
            key,
            f"version {missing[0]} taken in or in repair",
            f"version {trade.source_version}",
        )


def _account_unpublished(report: Report, published: Published, trade: Captured) -> None:
    """Say why the topic keeps nothing of a captured trade: entered over HTTP, or its record is past retention."""
    report.trades.published += 1
    record = trade.record
    if record is None:
        return
    if published.should_keep(record):
        expected = f"a record at {FRONT_OFFICE_TOPIC} {record.place}"
        report.expect("trade-capture", trade.key, expected, "nobody published it")
    else:
        report.trades.no_longer_on_topic += 1


def _account_uncaptured(report: Report, key: TradeKey, repairs: list[Repair]) -> None:
    statuses = {repair.status for repair in repairs}
    if statuses & set(_IN_REPAIR):
        report.trades.in_repair += 1
    elif "REJECTED" in statuses:
        report.trades.rejected += 1
    else:
        report.unaccounted += 1
        report.expect("trade-capture", key, "captured, in repair or rejected", "nothing")


def _count_entered_repairs(
    report: Report,
    repairs: Mapping[TradeKey, list[Repair]],
    captured: Mapping[TradeKey, Captured],
    published: Mapping[TradeKey, set[int]],
) -> None:
    """Count trades that came over HTTP and went to repair: only trade-capture knows of them."""
    for key, entries in repairs.items():
        if entries and key not in captured and key not in published:
            report.trades.published += 1
            _account_uncaptured(report, key, entries)


def dead_places(letters: Iterable[DeadLetter]) -> set[Place]:
    """Return the front office's records that ended as dead letters: what a redrive took in has its place elsewhere."""
    return {
        Place(letter.partition, letter.offset)
        for letter in letters
        if letter.topic == FRONT_OFFICE_TOPIC and letter.status != "redriven"
    }


def _compare_trades(report: Report, snapshot: Snapshot) -> None:
    decisions = {decision.trade_id: decision for decision in snapshot.decisions}
    settlements = {settlement.trade_id: settlement for settlement in snapshot.settlements}
    booked = {trade.trade_id: trade for trade in snapshot.booked}
    for trade in snapshot.captured:
        sides = TradeSides(
            trade,
            decisions.get(trade.trade_id),
            settlements.get(trade.trade_id),
            booked.get(trade.trade_id),
            snapshot.settled.get(trade.trade_id),
        )
        compare_trade(report, sides)
    known = {trade.trade_id for trade in snapshot.captured}
    for service, ids in (("compliance", decisions), ("settlement", settlements), ("ledger", booked)):
        for trade_id in ids.keys() - known:
            report.expect(service, trade_id, "a captured trade", "trade-capture does not know it")


def _compare_totals(report: Report, snapshot: Snapshot) -> None:
    """Compare what settled in total: securities by book and instrument, cash by currency."""
    _compare_confirmations(report, snapshot.confirmation_differences)
    for position in snapshot.positions:
        key = f"{position.book} {position.isin} settled + unsettled"
        report.expect("ledger", key, position.trade_date_quantity, position.added_up)
    securities, cash = _settled(snapshot.settled_totals)
    booked = {(each.book, each.isin): each.settled_quantity for each in snapshot.positions}
    for book, isin in sorted(securities.keys() | booked.keys()):
        settled = securities.get((book, isin), Decimal(0))
        report.expect("ledger", f"{book} {isin} settled", settled, booked.get((book, isin), Decimal(0)))
    balances = {each.currency: each.cash for each in snapshot.controls.currencies}
    for currency in sorted(cash.keys() | balances.keys()):
        moved = cash.get(currency, Decimal(0))
        report.expect("ledger", f"{currency} cash", moved, balances.get(currency, Decimal(0)))


def _compare_confirmations(report: Report, differences: Iterable[ConfirmationDifference]) -> None:
    """Name each instruction that settled anything else than the sum of the CSD's confirmations."""
    for each in differences:
        key = f"{each.trade_id or 'no trade'} instruction {each.instruction_id} settled"
        confirmed = f"{each.confirmed_quantity} for {each.confirmed_amount}, as the CSD confirmed"
        report.expect("settlement", key, confirmed, f"{each.settled_quantity} for {each.settled_amount}")


def _settled(totals: Iterable[SettledTotal]) -> tuple[dict[tuple[str, str], Decimal], dict[str, Decimal]]:
    securities: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    cash: dict[str, Decimal] = defaultdict(Decimal)
    for total in totals:
        securities[total.book, total.isin] += total.received_quantity - total.delivered_quantity
        cash[total.currency] += total.received_amount - total.paid_amount
    return securities, cash


def _check_ledger(report: Report, snapshot: Snapshot) -> None:
    """Take over what the ledger finds of itself, each thing by its name; a control alone only where it names none."""
    controls = snapshot.controls
    balanced = controls.balanced and all(currency.balanced for currency in controls.currencies)
    report.ledger = {"balanced": balanced, "journals": controls.journals, "lines": controls.lines}
    for journal in controls.unbalanced_journals:
        report.expect("ledger", f"journal {journal}", "debits = credits", "not balanced")
    _name_differences(report, "balance", controls.balance_differences)
    _name_differences(report, "position", controls.position_differences)
    if not (balanced or controls.unbalanced_journals):
        report.expect("ledger", "debits = credits", "holds", "does not hold")
    named = any(position.trade_date_quantity != position.added_up for position in snapshot.positions)
    if not (controls.positions_add_up or named):
        report.expect("ledger", "settled + unsettled = trade date", "holds", "does not hold")
    report.expect("ledger", "incomplete journals", 0, controls.incomplete_journals)
    report.expect("ledger", "duplicate journals", 0, controls.duplicates)


def _name_differences(report: Report, what: str, differences: Iterable[Difference]) -> None:
    for each in differences:
        report.expect("ledger", f"{what} {each.key}", each.lines, each.rollup)


def _check_messaging(report: Report, snapshot: Snapshot) -> None:
    for service, status in snapshot.messaging.items():
        report.outbox_pending += status.outbox_pending
        report.dead_letters += status.dead_letters
        report.parked += status.parked
        report.expect(service, "outbox", 0, status.outbox_pending)
