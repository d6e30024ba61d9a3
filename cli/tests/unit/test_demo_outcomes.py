"""What the demo says became of the trades: each has one outcome, and they add up to what was sent."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from backoffice_cli.commands.reconcile import MEANINGS
from backoffice_cli.demo.outcomes import Outcome, outcomes, sent
from backoffice_cli.reconciliation.compare import compare
from backoffice_cli.reconciliation.records import (
    Captured,
    CsdStatus,
    DeadLetter,
    Decision,
    Instruction,
    LedgerControls,
    Place,
    Published,
    Repair,
    Settlement,
    Snapshot,
    TradeKey,
)

pytestmark = pytest.mark.unit

TOPIC = "frontoffice.trades.v1"


def snapshot() -> Snapshot:
    """Return a platform on which nothing has happened."""
    controls = LedgerControls(
        ok=True,
        journals=0,
        lines=0,
        balanced=True,
        unbalanced_journals=[],
        duplicates=0,
        incomplete_journals=0,
        balance_differences=[],
        position_differences=[],
        positions_add_up=True,
        currencies=[],
    )
    return Snapshot(Published(), [], [], [], [], [], [], [], [], [], controls, {})


def capture(
    into: Snapshot,
    name: str,
    *,
    confirmation: str = "CONFIRMED",
    decision: str = "CLEARED",
    state: str = "AWAITING_INSTRUCTION",
    failing: bool = False,
    status: str = "CAPTURED",
) -> None:
    """Put a trade into every side of the snapshot."""
    key = TradeKey("EQ", name)
    into.published.versions[key].add(1)
    into.captured.append(
        Captured(
            trade_id=name,
            source_system="EQ",
            trade_reference=name,
            version=1,
            source_version=1,
            status=status,
            confirmation_status=confirmation,
            side="BUY",
            quantity=Decimal(1),
            currency="USD",
            net_amount=Decimal(1),
            isin="I",
            book="B",
            settlement_date="2024-08-09",
            partition=None,
            record_offset=None,
            recorded_at=None,
        )
    )
    into.decisions.append(Decision(trade_id=name, trade_version=1, outcome=decision))
    instruction = Instruction(
        side="BUY",
        trade_version=1,
        quantity=Decimal(100),
        amount=Decimal(1000),
        settled_quantity=Decimal(0),
        settled_amount=Decimal(0),
        failing=failing,
        failed_on=None,
        cancellation=CsdStatus(),
    )
    into.settlements.append(
        Settlement(
            trade_id=name,
            trade_version=1,
            isin="I",
            book="B",
            settlement_date="2024-08-09",
            state=state,
            cancelled=status == "CANCELLED",
            confirmed=confirmation == "CONFIRMED",
            decision=decision,
            exceptions=[],
            instruction=instruction,
        )
    )


@pytest.mark.parametrize(
    ("trade", "outcome"),
    [
        ({"state": "SETTLED"}, Outcome.SETTLED),
        ({"state": "PARTIALLY_SETTLED", "failing": True}, Outcome.PARTIALLY_SETTLED),
        ({"state": "INSTRUCTED", "failing": True}, Outcome.FAILING),
        ({"state": "INSTRUCTED"}, Outcome.IN_FLIGHT),
        ({"state": "REJECTED"}, Outcome.REJECTED_BY_CSD),
        ({"decision": "HELD", "confirmation": "MISMATCHED"}, Outcome.HELD),
        ({"decision": "BLOCKED"}, Outcome.BLOCKED),
        ({"confirmation": "MISMATCHED"}, Outcome.MISMATCHED),
        ({"confirmation": "UNCONFIRMED"}, Outcome.UNCONFIRMED),
        ({}, Outcome.NOT_INSTRUCTED),
        ({"status": "CANCELLED", "state": "CANCELLED"}, Outcome.CANCELLED),
        ({"status": "CANCELLED", "state": "INSTRUCTED"}, Outcome.CANCELLED),
        ({"status": "CANCELLED", "state": "SETTLED"}, Outcome.CANCELLED_AFTER_SETTLEMENT),
        ({"status": "CANCELLED", "state": "PARTIALLY_SETTLED"}, Outcome.CANCELLED_AFTER_SETTLEMENT),
    ],
)
def test_a_captured_trade_stands_as_far_as_it_came(trade: dict[str, str], outcome: Outcome) -> None:
    found = snapshot()
    capture(found, "T-1", **trade)  # type: ignore[arg-type]
    assert outcomes(found) == {outcome: 1}


@pytest.mark.parametrize(
    ("state", "count"), [("SETTLED", "settled"), ("PARTIALLY_SETTLED", "partially_settled")]
)
def test_what_settled_before_it_was_cancelled_counts_as_settled_in_the_reconciliation_which_says_so(
    state: str, count: str
) -> None:
    found = snapshot()
    capture(found, "T-1", state=state)
    capture(found, "T-2", state=state, status="CANCELLED")
    counts = outcomes(found)
    assert counts[Outcome.CANCELLED_AFTER_SETTLEMENT] == 1
    assert getattr(compare(found).trades, count) == 2
    assert "cancelled ones included" in MEANINGS[count]


def test_a_captured_trade_that_another_service_does_not_know_is_unaccounted() -> None:
    found = snapshot()
    capture(found, "T-1", state="SETTLED")
    found.settlements.clear()
    assert outcomes(found) == {Outcome.UNACCOUNTED: 1}


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["OPEN"], Outcome.IN_REPAIR),
        (["REJECTED", "WAITING"], Outcome.IN_REPAIR),
        (["REJECTED"], Outcome.REJECTED),
        ([], Outcome.UNACCOUNTED),
    ],
)
def test_a_trade_that_was_not_captured_stands_in_the_repair_queue(
    statuses: list[str], outcome: Outcome
) -> None:
    found = snapshot()
    found.published.versions[TradeKey("EQ", "T-1")].add(1)
    found.published.places[TradeKey("EQ", "T-1")].append(Place(0, 0))
    found.repairs = [
        Repair(source_system="EQ", trade_reference="T-1", source_version=1, status=status)
        for status in statuses
    ]
    assert outcomes(found) == {outcome: 1}


def test_a_message_that_names_no_trade_is_unreadable_once_it_is_a_dead_letter() -> None:
    found = snapshot()
    found.published.nameless += [Place(0, 1), Place(0, 2)]
    found.dead_letters += [DeadLetter(TOPIC, 0, 1, "open"), DeadLetter(TOPIC, 0, 2, "redriven")]
    assert outcomes(found) == {Outcome.UNREADABLE: 1, Outcome.UNACCOUNTED: 1}


def test_a_conflicting_resend_in_repair_does_not_count_a_captured_trade_twice() -> None:
    found = snapshot()
    capture(found, "T-1", state="SETTLED")
    found.repairs.append(Repair(source_system="EQ", trade_reference="T-1", source_version=1, status="OPEN"))
    assert outcomes(found) == {Outcome.SETTLED: 1}


def test_the_front_office_sent_as_many_trades_as_its_record_names(tmp_path: Path) -> None:
    record = tmp_path / "published.jsonl"
    reports = [("A", "1"), ("A", "1"), ("A", "2"), ("B", "1")]
    record.write_text(
        "".join(json.dumps({"source_system": s, "trade_reference": r}) + "\n" for s, r in reports)
    )
    assert sent(record) == 3
