"""What a reconciliation finds, from snapshots made by hand: each disagreement is named, agreement is silent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from backoffice_cli.reconciliation.compare import compare
from backoffice_cli.reconciliation.fetch import unexplained
from backoffice_cli.reconciliation.records import (
    Amounts,
    Beginning,
    Booked,
    Captured,
    ConfirmationDifference,
    CsdStatus,
    CurrencyControl,
    DeadLetter,
    Decision,
    Difference,
    Instruction,
    JournalReference,
    LedgerControls,
    Messaging,
    Place,
    Position,
    Published,
    Repair,
    Settled,
    SettledTotal,
    Settlement,
    Snapshot,
    TradeKey,
)
from backoffice_cli.reconciliation.report import Break
from backoffice_cli.reconciliation.topic import note

pytestmark = pytest.mark.unit

TEN, PAID, NONE = Decimal(10), Decimal("105.00"), Decimal(0)
KEY = TradeKey("EQ", "T-1")
NOON, SECOND = datetime(2024, 6, 3, 12, tzinfo=UTC), timedelta(seconds=1)
NAMED = b'{"source_system": "EQ", "trade_reference": "T-1", '

CAPTURED = Captured(
    trade_id="t1",
    source_system="EQ",
    trade_reference="T-1",
    version=1,
    source_version=1,
    status="CAPTURED",
    confirmation_status="CONFIRMED",
    side="BUY",
    isin="I",
    book="B",
    quantity=TEN,
    currency="USD",
    net_amount=PAID,
    settlement_date="2024-08-09",
    partition=0,
    record_offset=4,
    recorded_at=NOON,
)
INSTRUCTION = Instruction(
    trade_version=1,
    side="BUY",
    quantity=TEN,
    amount=PAID,
    settled_quantity=TEN,
    settled_amount=PAID,
    failing=False,
    failed_on=None,
    cancellation=CsdStatus(),
)
SETTLEMENT = Settlement(
    trade_id="t1",
    trade_version=1,
    isin="I",
    book="B",
    settlement_date="2024-08-09",
    state="SETTLED",
    cancelled=False,
    confirmed=True,
    decision="CLEARED",
    exceptions=[],
    instruction=INSTRUCTION,
)
TRADE_DATE = JournalReference(journal_id="j1", kind="TRADE_DATE", trade_version=1, recorded_at="")
BOOKED = Booked(
    trade_id="t1",
    trade_date_quantity=TEN,
    settled_quantity=TEN,
    unsettled_quantity=NONE,
    failing_quantity=NONE,
    amounts=[Amounts(currency="USD", unsettled=NONE, fails=NONE, cash=-PAID)],
    journals=[TRADE_DATE],
)
POSITION = Position(
    book="B",
    isin="I",
    trade_date_quantity=TEN,
    settled_quantity=TEN,
    unsettled_quantity=NONE,
    failing_quantity=NONE,
)
TOTAL = SettledTotal(
    book="B",
    isin="I",
    currency="USD",
    received_quantity=TEN,
    delivered_quantity=NONE,
    paid_amount=PAID,
    received_amount=NONE,
)
CONTROLS = LedgerControls(
    ok=True,
    journals=2,
    lines=5,
    balanced=True,
    unbalanced_journals=[],
    duplicates=0,
    incomplete_journals=0,
    balance_differences=[],
    position_differences=[],
    positions_add_up=True,
    currencies=[CurrencyControl(currency="USD", balanced=True, cash=-PAID)],
)
DIFFERENCE = Difference(
    "2024-08-09 1310 USD B", "debit 106.00, credit 0, lines 1", "debit 105.00, credit 0, lines 1"
)
SERVICES = ("trade-capture", "compliance", "settlement", "ledger", "hr")


def changed(record: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(record, **fields)


def instructed(**fields: Any) -> Settlement:
    """Return the settlement with another instruction."""
    return changed(SETTLEMENT, instruction=changed(INSTRUCTION, **fields))


FAILED = changed(
    instructed(settled_quantity=Decimal(6), failing=True, failed_on="2024-06-04"), state="PARTIALLY_SETTLED"
)


def published_once() -> Published:
    published = Published()
    note(published, NAMED + b'"version": 1}', Place(0, 4))
    published.beginnings = {0: Beginning(0, NOON - SECOND)}
    return published


@pytest.fixture
def snapshot() -> Snapshot:
    """Return a platform with one settled trade, on which all sides agree."""
    return Snapshot(
        published=published_once(),
        captured=[CAPTURED],
        repairs=[],
        dead_letters=[],
        decisions=[Decision(trade_id="t1", trade_version=1, outcome="CLEARED")],
        settlements=[SETTLEMENT],
        settled_totals=[TOTAL],
        confirmation_differences=[],
        booked=[BOOKED],
        positions=[POSITION],
        controls=CONTROLS,
        messaging=dict.fromkeys(SERVICES, Messaging(outbox_pending=0, dead_letters=0, parked=0)),
    )


def test_one_settled_trade_on_which_all_sides_agree(snapshot: Snapshot) -> None:
    report = compare(snapshot)
    assert report.ok
    assert report.breaks == []
    trades = report.trades
    assert (trades.published, trades.captured, trades.confirmed, trades.cleared) == (1, 1, 1, 1)
    assert (trades.instructed, trades.settled, trades.partially_settled, trades.failing) == (1, 1, 0, 0)
    assert report.ledger == {"balanced": True, "journals": 2, "lines": 5}


Spoil = Callable[[Snapshot], None]


def _set(name: str, value: Any) -> Spoil:
    return lambda snapshot: setattr(snapshot, name, value)


def _publish_another(snapshot: Snapshot) -> None:
    snapshot.published.versions[TradeKey("EQ", "T-2")] = {1}
    snapshot.published.places[TradeKey("EQ", "T-2")] = [Place(0, 1)]


@pytest.mark.parametrize(
    ("spoil", "service", "key", "found"),
    [
        (_publish_another, "trade-capture", "EQ:T-2", "nothing"),
        (lambda s: s.published.versions[KEY].add(2), "trade-capture", "EQ:T-1", "version 1"),
        (
            lambda s: s.published.nameless.append(Place(1, 7)),
            "trade-capture",
            "partition 1, offset 7",
            "nothing",
        ),
        (lambda s: s.published.versions.clear(), "trade-capture", "EQ:T-1", "nobody published it"),
        (_set("decisions", []), "compliance", "t1 decision on", "nothing"),
        (_set("decisions", [Decision("t1", 2, "CLEARED")]), "compliance", "t1 decision", "version 2"),
        (_set("decisions", [Decision("t1", 1, "HELD")]), "settlement", "t1 decision", "CLEARED"),
        (_set("settlements", []), "settlement", "t1", "nothing"),
        (_set("settlements", [changed(SETTLEMENT, trade_version=2)]), "settlement", "t1 version", "2"),
        (_set("settlements", [changed(SETTLEMENT, cancelled=True)]), "settlement", "t1 cancelled", "True"),
        (_set("settlements", [changed(SETTLEMENT, confirmed=False)]), "settlement", "t1 confirmed", "False"),
        (
            _set("settlements", [changed(SETTLEMENT, state="AWAITING_INSTRUCTION", instruction=None)]),
            "settlement",
            "t1 confirmed and cleared",
            "AWAITING_INSTRUCTION",
        ),
        (_set("settlements", [instructed(quantity=Decimal(9))]), "settlement", "t1 instructed quantity", "9"),
        (_set("settlements", [instructed(amount=NONE)]), "settlement", "t1 instructed amount", "0"),
        (
            _set("settlements", [changed(SETTLEMENT, state="INSTRUCTED", decision="HELD")]),
            "settlement",
            "t1 instruction",
            "left with the CSD",
        ),
        (_set("settlements", [FAILED]), "ledger", "t1 failing", "0"),
        (_set("booked", []), "ledger", "t1", "nothing"),
        (_set("booked", [changed(BOOKED, journals=[])]), "ledger", "t1 trade-date journals", "[]"),
        (
            _set("booked", [changed(BOOKED, journals=[TRADE_DATE, changed(TRADE_DATE, journal_id="j2")])]),
            "ledger",
            "t1 trade-date journals",
            "[1, 1]",
        ),
        (
            _set("booked", [changed(BOOKED, trade_date_quantity=Decimal(9))]),
            "ledger",
            "t1 trade-date quan",
            "9",
        ),
        (
            _set("booked", [changed(BOOKED, settled_quantity=Decimal(9))]),
            "ledger",
            "t1 settled quantity",
            "9",
        ),
        (_set("booked", [changed(BOOKED, failing_quantity=Decimal(1))]), "ledger", "t1 failing", "1"),
        (
            _set("booked", [changed(BOOKED, amounts=[Amounts("USD", Decimal("0.01"), NONE, -PAID)])]),
            "ledger",
            "t1 in flight",
            "0.01",
        ),
        (
            _set("booked", [changed(BOOKED, amounts=[Amounts("USD", NONE, NONE, Decimal(-100))])]),
            "ledger",
            "t1 cash",
            "-100",
        ),
        (_set("settled_totals", []), "ledger", "B I settled", "10"),
        (_set("settlements", [changed(SETTLEMENT, isin="J")]), "settlement", "t1 ISIN", "J"),
        (_set("settlements", [changed(SETTLEMENT, book="C")]), "settlement", "t1 book", "C"),
        (
            _set("settlements", [changed(SETTLEMENT, settlement_date="2024-08-12")]),
            "settlement",
            "t1 settlement date",
            "2024-08-12",
        ),
        (
            _set("confirmation_differences", [ConfirmationDifference("i1", "t1", TEN, PAID, NONE, NONE)]),
            "settlement",
            "t1 instruction i1 settled",
            "10 for 105.00",
        ),
        (_set("positions", []), "ledger", "B I settled", "0"),
        (
            _set("positions", [changed(POSITION, trade_date_quantity=Decimal(11))]),
            "ledger",
            "B I settled + unsettled",
            "10",
        ),
        (_set("controls", changed(CONTROLS, currencies=[])), "ledger", "USD cash", "0"),
        (_set("controls", changed(CONTROLS, balanced=False)), "ledger", "debits = credits", "does not hold"),
        (
            _set("controls", changed(CONTROLS, balanced=False, unbalanced_journals=["j1"])),
            "ledger",
            "journal j1",
            "not balanced",
        ),
        (
            _set("controls", changed(CONTROLS, balance_differences=[DIFFERENCE])),
            "ledger",
            "balance 2024-08-09 1310 USD B",
            "debit 106.00",
        ),
        (
            _set("controls", changed(CONTROLS, position_differences=[DIFFERENCE])),
            "ledger",
            "position 2024-08-09 1310 USD B",
            "debit 106.00",
        ),
        (
            _set("controls", changed(CONTROLS, positions_add_up=False)),
            "ledger",
            "settled + unsettled",
            "not hold",
        ),
        (_set("controls", changed(CONTROLS, duplicates=1)), "ledger", "duplicate journals", "1"),
        (_set("captured", [CAPTURED, CAPTURED]), "trade-capture", "EQ:T-1", "2 times"),
        (
            _set("settlements", [SETTLEMENT, changed(SETTLEMENT, trade_id="t9")]),
            "settlement",
            "t9",
            "not know",
        ),
        (_set("booked", [BOOKED, changed(BOOKED, trade_id="t9")]), "ledger", "t9", "not know"),
        (
            lambda s: s.messaging.update(hr=Messaging(outbox_pending=3, dead_letters=0, parked=0)),
            "hr",
            "outbox",
            "3",
        ),
    ],
)
def test_a_disagreement_is_named(
    snapshot: Snapshot, spoil: Spoil, service: str, key: str, found: str
) -> None:
    spoil(snapshot)
    report = compare(snapshot)
    assert not report.ok
    named = [each for each in report.breaks if each.service == service and key in each.key]
    assert any(found in each.found for each in named), report.breaks


def test_a_break_of_sums_says_what_they_should_be_once_for_each(snapshot: Snapshot) -> None:
    other = changed(DIFFERENCE, key="2024-08-09 2110 USD B", rollup="nothing")
    snapshot.controls = changed(CONTROLS, balance_differences=[DIFFERENCE, other])
    snapshot.confirmation_differences = [ConfirmationDifference("i1", "t1", TEN, PAID, NONE, NONE)]
    assert compare(snapshot).breaks == [
        Break("settlement", "t1 instruction i1 settled", "0 for 0, as the CSD confirmed", "10 for 105.00"),
        Break("ledger", "balance 2024-08-09 1310 USD B", DIFFERENCE.lines, DIFFERENCE.rollup),
        Break("ledger", "balance 2024-08-09 2110 USD B", DIFFERENCE.lines, "nothing"),
    ]


def test_a_position_that_does_not_add_up_is_named_and_its_control_not_repeated(snapshot: Snapshot) -> None:
    snapshot.positions = [changed(POSITION, trade_date_quantity=Decimal(11))]
    snapshot.controls = changed(CONTROLS, positions_add_up=False)
    assert compare(snapshot).breaks == [Break("ledger", "B I settled + unsettled", "11", "10")]


@pytest.mark.parametrize(
    ("spoil", "unaccounted", "duplicates"),
    [
        (_publish_another, 1, 0),
        (_set("settlements", []), 1, 0),
        (_set("decisions", []), 1, 0),
        (_set("captured", [CAPTURED, CAPTURED]), 0, 1),
    ],
)
def test_what_is_nowhere_or_twice_is_counted(
    snapshot: Snapshot, spoil: Spoil, unaccounted: int, duplicates: int
) -> None:
    spoil(snapshot)
    report = compare(snapshot)
    assert (report.unaccounted, report.duplicates) == (unaccounted, duplicates)


@pytest.mark.parametrize(
    ("status", "in_repair", "rejected", "unaccounted"),
    [("OPEN", 1, 0, 0), ("WAITING", 1, 0, 0), ("REJECTED", 0, 1, 0), ("RESOLVED", 0, 0, 1)],
)
def test_a_trade_in_the_repair_queue_is_accounted_for(
    snapshot: Snapshot, status: str, in_repair: int, rejected: int, unaccounted: int
) -> None:
    _publish_another(snapshot)
    snapshot.repairs = [Repair("EQ", "T-2", 1, status)]
    report = compare(snapshot)
    assert report.trades.published == 2
    assert (report.trades.in_repair, report.trades.rejected, report.unaccounted) == (
        in_repair,
        rejected,
        unaccounted,
    )


def test_a_correction_in_repair_is_accounted_for(snapshot: Snapshot) -> None:
    snapshot.published.versions[KEY].add(2)
    snapshot.repairs = [Repair("EQ", "T-1", 2, "OPEN")]
    assert compare(snapshot).ok


def test_records_among_the_dead_letters_are_accounted_for(snapshot: Snapshot) -> None:
    _publish_another(snapshot)
    snapshot.published.nameless.append(Place(2, 5))
    topic = "frontoffice.trades.v1"
    snapshot.dead_letters = [DeadLetter(topic, 0, 1, "open"), DeadLetter(topic, 2, 5, "discarded")]
    report = compare(snapshot)
    assert (report.ok, report.trades.published) == (True, 1)


def test_a_dead_letter_that_was_redriven_excuses_nothing(snapshot: Snapshot) -> None:
    _publish_another(snapshot)
    note(snapshot.published, NAMED + b'"version": 2}', Place(0, 5))
    topic = "frontoffice.trades.v1"
    snapshot.dead_letters = [DeadLetter(topic, 0, offset, "redriven") for offset in (1, 5)]
    report = compare(snapshot)
    assert ([each.key for each in report.breaks], report.unaccounted) == (["EQ:T-1", "EQ:T-2"], 2)


@pytest.mark.parametrize(("dead", "ok"), [([5], False), ([5, 6], True)], ids=["one of two", "both"])
def test_a_correction_whose_records_are_dead_letters_is_accounted_for(
    snapshot: Snapshot, dead: list[int], ok: bool
) -> None:
    for offset in (5, 6):
        note(snapshot.published, NAMED + b'"version": 2}', Place(2, offset))
    snapshot.dead_letters = [DeadLetter("frontoffice.trades.v1", 2, offset, "open") for offset in dead]
    report = compare(snapshot)
    assert (report.ok, report.unaccounted) == (ok, not ok)


def test_a_trade_entered_over_http_is_no_break(snapshot: Snapshot) -> None:
    snapshot.published.versions.clear()
    snapshot.captured = [changed(CAPTURED, partition=None, record_offset=None, recorded_at=None)]
    report = compare(snapshot)
    assert (report.ok, report.trades.published, report.trades.no_longer_on_topic) == (True, 1, 0)


@pytest.mark.parametrize(
    ("beginnings", "gone"),
    [
        ({0: Beginning(5, NOON - SECOND)}, True),
        ({0: Beginning(4, NOON - SECOND)}, False),
        ({0: Beginning(0, NOON + SECOND)}, True),
        ({1: Beginning(0, NOON - SECOND)}, True),
        ({}, True),
    ],
    ids=["past retention", "the first that is kept", "the topic was made anew", "emptied", "all emptied"],
)
def test_only_a_record_that_the_topic_should_still_keep_is_missed(
    snapshot: Snapshot, beginnings: dict[int, Beginning], gone: bool
) -> None:
    snapshot.published = Published(beginnings=beginnings)
    report = compare(snapshot)
    assert (report.ok, report.trades.published, report.trades.no_longer_on_topic) == (gone, 1, gone)


def test_the_services_are_compared_on_a_trade_that_is_no_longer_on_the_topic(snapshot: Snapshot) -> None:
    snapshot.published = Published()
    snapshot.settlements = [changed(SETTLEMENT, isin="J")]
    assert compare(snapshot).breaks == [Break("settlement", "t1 ISIN", "I", "J")]


def test_corrections_of_a_trade_whose_first_record_is_gone_are_its_record(snapshot: Snapshot) -> None:
    snapshot.published = Published(beginnings={0: Beginning(5, NOON)})
    note(snapshot.published, NAMED + b'"version": 2}', Place(0, 5))
    snapshot.repairs = [Repair("EQ", "T-1", 2, "OPEN")]
    report = compare(snapshot)
    assert (report.ok, report.trades.no_longer_on_topic) == (True, 0)


def test_a_cancelled_trade_leaves_nothing_in_the_books(snapshot: Snapshot) -> None:
    snapshot.captured = [changed(CAPTURED, version=2, source_version=2, status="CANCELLED")]
    snapshot.decisions = []
    snapshot.settlements = [
        changed(SETTLEMENT, trade_version=2, state="CANCELLED", cancelled=True, instruction=None)
    ]
    reversal = changed(TRADE_DATE, journal_id="j2", kind="REVERSAL", trade_version=2, reverses="j1")
    empty = {
        "trade_date_quantity": NONE,
        "settled_quantity": NONE,
        "amounts": [],
        "journals": [TRADE_DATE, reversal],
    }
    snapshot.booked = [changed(BOOKED, **empty)]
    snapshot.positions, snapshot.settled_totals = [], []
    snapshot.controls = changed(CONTROLS, currencies=[CurrencyControl("USD", True, NONE)])
    report = compare(snapshot)
    assert report.breaks == []
    assert (report.trades.cancelled, report.trades.confirmed, report.trades.settled) == (1, 0, 0)


def failing_books(snapshot: Snapshot, settlement: Settlement, settled: Decimal) -> Snapshot:
    """Let the trade fail: `settled` of it settled before."""
    paid = PAID * settled / TEN
    last = changed(settlement.instruction, settled_quantity=settled, settled_amount=paid)
    snapshot.settlements = [changed(settlement, instruction=last)]
    amounts = [Amounts(currency="USD", unsettled=NONE, fails=paid - PAID, cash=-paid)]
    quantities = {"settled_quantity": settled, "failing_quantity": TEN - settled}
    snapshot.booked = [changed(BOOKED, amounts=amounts, **quantities)]
    snapshot.positions = [changed(POSITION, **quantities)]
    snapshot.settled_totals = [changed(TOTAL, received_quantity=settled, paid_amount=paid)]
    snapshot.controls = changed(CONTROLS, currencies=[CurrencyControl("USD", True, -paid)])
    return snapshot


@pytest.mark.parametrize(("state", "settled"), [("INSTRUCTED", NONE), ("PARTIALLY_SETTLED", Decimal(6))])
def test_failing_trades_are_counted_by_what_still_fails(
    snapshot: Snapshot, state: str, settled: Decimal
) -> None:
    report = compare(failing_books(snapshot, changed(FAILED, state=state), settled))
    assert (report.trades.failing, report.trades.partially_settled) == (1, settled > 0)
    assert report.breaks == []


def test_a_fail_stays_in_the_books_when_the_csd_cancels_the_instruction(snapshot: Snapshot) -> None:
    cancelled = changed(FAILED.instruction, failing=False, cancellation=CsdStatus("CAND"))
    settlement = changed(FAILED, state="REJECTED", exceptions=["CANCELLED_BY_CSD"], instruction=cancelled)
    report = compare(failing_books(snapshot, settlement, NONE))
    assert (report.trades.failing, report.breaks) == (0, [])


@pytest.mark.parametrize(
    "trade",
    [
        changed(CAPTURED, version=2, status="CANCELLED"),
        changed(CAPTURED, version=2),
    ],
)
def test_the_books_end_the_fail_of_a_void_version_even_if_the_csd_does_not(
    snapshot: Snapshot, trade: Captured
) -> None:
    snapshot.captured = [trade]
    failing = instructed(failing=True, failed_on="2024-06-04")
    snapshot.settlements = [changed(failing, state="INSTRUCTED")]
    report = compare(snapshot)
    assert report.trades.failing == 1
    assert not [each for each in report.breaks if each.key == "t1 failing"]


@pytest.mark.parametrize(
    ("status", "outcome"), [("MISMATCHED", "CLEARED"), ("UNCONFIRMED", "HELD"), ("CONFIRMED", "BLOCKED")]
)
def test_trades_that_wait_are_counted_by_why(snapshot: Snapshot, status: str, outcome: str) -> None:
    snapshot.captured = [changed(CAPTURED, confirmation_status=status)]
    snapshot.decisions = [Decision("t1", 1, outcome)]
    waiting = {"state": "AWAITING_INSTRUCTION", "instruction": None, "decision": outcome}
    snapshot.settlements = [changed(SETTLEMENT, confirmed=status == "CONFIRMED", **waiting)]
    owed = Amounts(currency="USD", unsettled=-PAID, fails=NONE, cash=NONE)
    snapshot.booked = [changed(BOOKED, settled_quantity=NONE, amounts=[owed])]
    snapshot.settled_totals = []
    snapshot.positions = [changed(POSITION, settled_quantity=NONE, unsettled_quantity=TEN)]
    snapshot.controls = changed(CONTROLS, currencies=[])
    report = compare(snapshot)
    assert report.breaks == []
    counts = {name: getattr(report.trades, name.lower()) for name in (status, outcome)}
    assert counts == {status: 1, outcome: 1}


def test_what_settled_by_earlier_instructions_is_asked_for_and_counts(snapshot: Snapshot) -> None:
    snapshot.captured = [changed(CAPTURED, version=2)]
    snapshot.decisions = [Decision("t1", 2, "CLEARED")]
    last = changed(INSTRUCTION, trade_version=2, settled_quantity=Decimal(6), settled_amount=Decimal(63))
    snapshot.settlements = [changed(SETTLEMENT, trade_version=2, instruction=last)]
    snapshot.booked = [changed(BOOKED, journals=[changed(TRADE_DATE, trade_version=2)])]
    assert [trade.trade_id for trade in unexplained(snapshot)] == ["t1"]
    snapshot.settled = {"t1": Settled(TEN, -PAID)}
    assert compare(snapshot).breaks == []


def test_what_settled_before_a_trade_was_turned_round_keeps_its_sign(snapshot: Snapshot) -> None:
    snapshot.captured = [changed(CAPTURED, version=2, side="SELL")]
    snapshot.decisions = [Decision("t1", 2, "CLEARED")]
    snapshot.settlements = [changed(SETTLEMENT, trade_version=2)]
    owed = Amounts(currency="USD", unsettled=2 * PAID, fails=NONE, cash=-PAID)
    turned = {
        "trade_date_quantity": -TEN,
        "amounts": [owed],
        "journals": [changed(TRADE_DATE, trade_version=2)],
    }
    snapshot.booked = [changed(BOOKED, **turned)]
    assert unexplained(snapshot) == []
    named = {each.key for each in compare(snapshot).breaks if each.key.startswith("t1")}
    assert named == set()


def test_dead_letters_and_parked_events_are_counted(snapshot: Snapshot) -> None:
    snapshot.messaging["ledger"] = Messaging(outbox_pending=0, dead_letters=2, parked=3)
    report = compare(snapshot)
    assert (report.ok, report.dead_letters, report.parked) == (True, 2, 3)


@pytest.mark.parametrize(
    ("value", "named", "versions"),
    [
        (b'{"source_system": "EQ", "trade_reference": "T-1", "version": 2, "price": "x"}', True, {2}),
        (b'{"source_system": "EQ", "trade_reference": "T-1", "version": "two"}', True, set()),
        (b'{"source_system": "EQ"}', False, set()),
        (b"\xff", False, set()),
        (None, False, set()),
        (b"[" * 10_000, False, set()),
        (NAMED + b'"version": 1e400}', True, set()),
        (NAMED + b'"version": "\xff"}', True, set()),
        (NAMED + b'"version": 2.0}', True, set()),
        (NAMED + b'"version": 123456789012345678901234567890}', True, set()),
        (NAMED + b'"version": ' + b"9" * 5_000 + b"}", True, set()),
        (NAMED + b'"version": 0}', True, set()),
        (NAMED + b'"version": ' + b"[" * 900 + b"]" * 900 + b"}", True, set()),
        (NAMED + b'"version": 2, "price": 1e400}', True, {2}),
        (NAMED + b'"version": 2, "price": "\xff"}', True, {2}),
        (NAMED + b'"version": 1, "version": 2}', True, {2}),
        (b'{"source_system": 1, ' + NAMED[1:] + b'"version": 2}', True, {2}),
        (NAMED + b'"version": 2, "\xff": 1}', False, set()),
        (NAMED + b'"version": "\\ud800"}', False, set()),
    ],
)
def test_a_broken_message_counts_for_the_trade_that_it_names(
    value: bytes | None, named: bool, versions: set[int]
) -> None:
    published = Published()
    note(published, value, Place(0, 3))
    assert (list(published.versions.values()), published.nameless) == (
        ([versions], []) if named else ([], [Place(0, 3)])
    )


def test_what_a_correction_after_settlement_changes_stays_in_flight(snapshot: Snapshot) -> None:
    snapshot.captured = [changed(CAPTURED, version=2, net_amount=Decimal("110.00"))]
    snapshot.decisions = [Decision("t1", 2, "CLEARED")]
    snapshot.settlements = [changed(SETTLEMENT, trade_version=2)]
    difference = Amounts(currency="USD", unsettled=Decimal("-5.00"), fails=NONE, cash=-PAID)
    corrected = changed(TRADE_DATE, trade_version=2)
    snapshot.booked = [changed(BOOKED, amounts=[difference], journals=[corrected])]
    assert compare(snapshot).breaks == []
