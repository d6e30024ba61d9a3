"""Executions: versions are taken in once and in order, whatever order they come in."""

import json
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCancelled, TradeCaptured
from trade_capture.repair.domain import Origin, RepairStatus, read
from trade_capture.repair.domain.payload import UnidentifiableError
from trade_capture.testing import NOW, busted, corrected, executed, reference_data
from trade_capture.trades.domain import Enricher, Execution, Malformed, Statement, key_of
from trade_capture.trades.intake import Intake
from trade_capture.trades.submission import Result, Submission, Tracked

pytestmark = pytest.mark.unit

KEY = key_of(executed())
STORY: Sequence[Statement] = (
    executed(),
    corrected(),
    corrected(version=3, price=Decimal(211)),
    corrected(version=4, price=Decimal(211)),
    busted(version=5),
)


def intake() -> Intake:
    return Intake(
        Enricher(reference_data(), max_trade_age=10, max_settlement_lag=90), NOW, {KEY: Tracked(Execution())}
    )


def submission(statement: Statement | Malformed) -> Submission:
    payload = statement.payload if isinstance(statement, Malformed) else msgspec.json.encode(statement)
    kind = "" if isinstance(statement, Malformed) else type(statement).event_type
    return Submission(statement, kind, payload, Origin())


def submit(batch: Intake, *statements: Statement | Malformed) -> list[Result]:
    return [batch.submit(submission(statement)).result for statement in statements]


def trades(batch: Intake) -> list[Trade]:
    return [
        event.trade
        for event, _ in batch.events
        if isinstance(event, TradeCaptured | TradeAmended | TradeCancelled)
    ]


def test_versions_in_order_are_captured_amended_and_cancelled() -> None:
    batch = intake()
    results = submit(batch, *STORY)
    assert results == ["CAPTURED", "AMENDED", "AMENDED", "UNCHANGED", "CANCELLED"]
    assert [trade.version for trade in trades(batch)] == [1, 2, 3, 4]
    assert [trade.source_version for trade in trades(batch)] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (executed(), executed(quantity=Decimal(7)), "CONFLICTING_RESEND"),
        (executed(), busted(version=1), "CONFLICTING_RESEND"),
        (executed(version=2), None, "INVALID_VERSION"),
        (corrected(version=1), None, "INVALID_VERSION"),
        (executed(), busted(reason="x" * 141), "MALFORMED_FIELD"),
    ],
)
def test_what_breaks_the_order_of_versions_is_refused_with_the_reason(
    first: Statement, second: Statement | None, code: str
) -> None:
    batch = intake()
    submit(batch, *(each for each in (first, second) if each is not None))
    (entry,) = batch.new_entries.values()
    assert (entry.status, entry.reasons[0].code) == (RepairStatus.OPEN, code)


def test_nothing_changes_a_cancelled_trade() -> None:
    batch = intake()
    assert submit(batch, executed(), busted(), corrected(version=3)) == ["CAPTURED", "CANCELLED", "IN_REPAIR"]
    (entry,) = batch.new_entries.values()
    assert entry.reasons[0].code == "TRADE_CANCELLED"


def test_a_bust_of_a_rejected_trade_has_nothing_to_cancel() -> None:
    batch = intake()
    submit(batch, executed(book="?"))
    (entry,) = batch.new_entries.values()
    batch.reject(entry, actor="olga", reason="not ours")
    outcome = batch.submit(submission(busted()))
    assert [reason.code for reason in outcome.reasons] == ["NOTHING_TO_CANCEL"]


def test_a_correction_of_a_rejected_trade_captures_it() -> None:
    batch = intake()
    assert submit(batch, executed(book="?"), corrected()) == ["IN_REPAIR", "WAITING"]
    batch.reject(next(iter(batch.new_entries.values())), actor="olga", reason="wrong book")
    (trade,) = trades(batch)
    assert (trade.version, trade.source_version) == (1, 2)


def test_rejecting_a_conflicting_resend_leaves_the_version_to_the_first() -> None:
    batch = intake()
    assert submit(batch, executed(book="?"), executed(quantity=Decimal(7)), corrected()) == [
        "IN_REPAIR",
        "CONFLICT",
        "WAITING",
    ]
    conflicting = list(batch.new_entries.values())[1]
    batch.reject(conflicting, actor="olga", reason="a mistake of theirs")
    assert trades(batch) == []


@given(st.permutations(STORY))
def test_any_order_of_versions_leads_to_the_same_trade(order: Sequence[Statement]) -> None:
    batch = intake()
    submit(batch, *order)
    found = trades(batch)
    assert [trade.version for trade in found] == [1, 2, 3, 4]
    assert batch.tracked[KEY].execution.cancelled
    assert all(entry.status is RepairStatus.RESOLVED for entry in batch.new_entries.values())


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=10))
def test_taking_anything_in_twice_is_a_no_op(order: Sequence[Statement], again: Sequence[Statement]) -> None:
    batch = intake()
    submit(batch, *order)
    events = list(batch.events)
    assert set(submit(batch, *again)) <= {"RESENT"}
    assert batch.events == events


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "NaN", "1e400", "-1", "x" * 200, "\0", "\ud800", "é", "0001-01-01", "9999-12-31"]),
)
_json = _scalars | st.lists(_scalars, max_size=2) | st.dictionaries(st.sampled_from("ab"), _scalars)
_changes = st.dictionaries(st.sampled_from(executed().__struct_fields__), _json, max_size=6)


@given(_changes, st.sets(st.sampled_from(executed().__struct_fields__), max_size=3))
def test_whatever_a_message_holds_it_is_captured_queued_or_unidentifiable(
    changes: dict[str, object], left_out: set[str]
) -> None:
    fields = {**msgspec.to_builtins(executed()), **changes}
    payload = json.dumps({name: value for name, value in fields.items() if name not in left_out}).encode()
    _is_dealt_with(payload)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_dealt_with(payload: bytes) -> None:
    _is_dealt_with(payload)


def _is_dealt_with(payload: bytes) -> None:
    try:
        statement = read(TradeExecuted, payload)
    except UnidentifiableError:
        return
    key = key_of(statement)
    batch = Intake(
        Enricher(reference_data(), max_trade_age=10, max_settlement_lag=90), NOW, {key: Tracked(Execution())}
    )
    outcome = batch.submit(Submission(statement, TradeExecuted.event_type, payload, Origin()))
    assert outcome.result in {Result.CAPTURED, Result.IN_REPAIR}
    assert (outcome.trade is None) == bool(outcome.reasons)


def test_a_trade_captured_because_a_person_rejected_what_it_waited_for_was_not_entered_without_help() -> None:
    batch = intake()
    assert submit(batch, executed(book="?"), corrected()) == ["IN_REPAIR", "WAITING"]
    batch.reject(next(iter(batch.new_entries.values())), actor="olga", reason="wrong book")
    assert batch.tracked[KEY].execution.trade is not None
    assert batch.tracked[KEY].repaired


def test_the_same_words_sent_as_another_kind_of_statement_are_no_resend() -> None:
    batch = intake()
    terms = msgspec.structs.asdict(executed(version=2))
    correction = TradeCorrected(**terms)
    assert msgspec.json.encode(correction) == msgspec.json.encode(executed(version=2))
    assert submit(batch, executed(), executed(version=2), correction) == ["CAPTURED", "IN_REPAIR", "CONFLICT"]
    mistaken, right = batch.new_entries.values()
    batch.reject(mistaken, actor="olga", reason="sent as a new trade")
    assert batch.resubmit(right, actor="olga").result is Result.UNCHANGED
