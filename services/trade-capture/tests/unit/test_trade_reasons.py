"""Whatever is wrong with a message, and however much of it, every reason is given at once."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from trade_capture.repair.domain import Origin, read, read_rest
from trade_capture.testing import BROKER, NOW, busted, corrected, executed, reference_data
from trade_capture.trades.domain import Enricher, Execution, Malformed, Statement, key_of
from trade_capture.trades.intake import Intake
from trade_capture.trades.submission import Submission, Tracked

pytestmark = pytest.mark.unit

Named = tuple[str, str]

WRONG: Mapping[str, tuple[Any, Named]] = {
    "isin": ("US0378331004", ("UNKNOWN_INSTRUMENT", "isin")),
    "currency": ("XXQ", ("WRONG_CURRENCY", "currency")),
    "counterparty_lei": ("?", ("UNKNOWN_COUNTERPARTY", "counterparty_lei")),
    "book": ("?", ("UNKNOWN_BOOK", "book")),
    "trader": ("?", ("UNKNOWN_TRADER", "trader")),
    "quantity": ("-1", ("INVALID_QUANTITY", "quantity")),
    "price": ("0", ("INVALID_PRICE", "price")),
    "charges": (
        [{"type": "COMMISSION", "amount": "-1"}],
        ("INVALID_CHARGE", "charges[0].amount"),
    ),
    "trade_date": ("2026-11-22", ("INVALID_TRADE_DATE", "trade_date")),
    "settlement_date": ("2026-11-29", ("INVALID_SETTLEMENT_DATE", "settlement_date")),
}
"""A value of each field that can be read and makes no sense, and the reason that it is given."""

REQUIRED = ("side", "isin", "mic", "quantity", "price", "currency", "trade_date", "executed_at", "book")
FIELDS = tuple(name for name in TradeExecuted.__struct_fields__ if name not in TradeBusted.__struct_fields__)


def judged(payload: bytes, contract: type[Statement] = TradeExecuted, *before: Statement) -> list[Named]:
    """Return the reasons that a message goes to repair with, after those statements of the same trade."""
    return judged_statement(read(contract, payload), payload, contract, *before)


def judged_statement(
    statement: Statement | Malformed, payload: bytes, contract: type[Statement], *before: Statement
) -> list[Named]:
    batch = Intake(
        Enricher(reference_data(), max_trade_age=10, max_settlement_lag=90),
        NOW,
        {key_of(statement): Tracked(Execution())},
    )
    for each in before:
        batch.submit(Submission(each, type(each).event_type, msgspec.json.encode(each), Origin()))
    outcome = batch.submit(Submission(statement, contract.event_type, payload, Origin()))
    return [(reason.code.value, reason.field) for reason in outcome.reasons]


def message(statement: Statement, changes: Mapping[str, Any], left_out: set[str] | None = None) -> bytes:
    fields = {**msgspec.to_builtins(statement), **changes}
    return msgspec.json.encode({name: fields[name] for name in fields if name not in (left_out or ())})


@given(
    st.sets(st.sampled_from(sorted(WRONG))),
    st.sets(st.sampled_from(FIELDS)),
    st.sets(st.sampled_from(REQUIRED)),
)
def test_any_subset_of_faults_is_named_in_full(
    wrong: set[str], malformed: set[str], missing: set[str]
) -> None:
    malformed = malformed - missing
    wrong = wrong - missing - malformed
    changes = {name: WRONG[name][0] for name in wrong} | {name: {} for name in malformed}
    expected = {WRONG[name][1] for name in wrong}
    expected |= {("MISSING_FIELD", name) for name in missing}
    expected |= {("MALFORMED_FIELD", name) for name in malformed}
    if not wrong | malformed | missing:
        return
    found = judged(message(executed(), changes, missing))
    assert len(found) == len(set(found))
    assert set(found) == expected


@given(st.sets(st.sampled_from(sorted(WRONG)), min_size=1), st.sets(st.sampled_from(FIELDS)))
def test_what_the_form_refused_hides_nothing_that_can_be_read(wrong: set[str], refused: set[str]) -> None:
    wrong = wrong - refused
    payload = message(executed(), {name: WRONG[name][0] for name in wrong})
    statement = read_rest(TradeExecuted, payload, refused)
    found = judged_statement(statement, payload, TradeExecuted)
    assert set(found) == {WRONG[name][1] for name in wrong}


def test_an_isin_on_no_market_is_named_without_the_market() -> None:
    changes = {"isin": "US5949181045"}
    assert judged(message(executed(), changes, {"mic"})) == [
        ("MISSING_FIELD", "mic"),
        ("UNKNOWN_INSTRUMENT", "isin"),
    ]


def test_amounts_are_judged_as_far_as_they_can_be_computed() -> None:
    nothing = {"quantity": "0.0001", "price": "1"}
    assert ("INVALID_AMOUNT", "price") in judged(message(executed(), {**nothing, "charges": 7}))
    assert ("INVALID_AMOUNT", "price") in judged(message(executed(), {**nothing, "accrued_interest": 7e99}))
    assert ("INVALID_AMOUNT", "price") not in judged(message(executed(), nothing, {"price"}))


def test_what_cannot_be_read_of_a_used_version_or_a_cancelled_trade_is_named_with_that() -> None:
    malformed = message(corrected(version=3), {"book": "?"}, {"quantity"})
    said = [("MISSING_FIELD", "quantity"), ("UNKNOWN_BOOK", "book")]
    cancelled = judged(malformed, TradeCorrected, executed(), busted())
    assert cancelled == [("TRADE_CANCELLED", "trade_reference"), *said]
    used = judged(message(corrected(), {"book": "?"}, {"quantity"}), TradeCorrected, executed(), corrected())
    assert used == [("CONFLICTING_RESEND", "version"), *said]


def test_a_version_out_of_order_hides_no_other_fault() -> None:
    assert judged(message(executed(version=2), {"book": "?"})) == [
        ("INVALID_VERSION", "version"),
        ("UNKNOWN_BOOK", "book"),
    ]
    bust = message(busted(version=1), {"reason": "x" * 141})
    assert judged(bust, TradeBusted) == [("INVALID_VERSION", "version"), ("MALFORMED_FIELD", "reason")]


def test_the_world_of_these_tests_takes_a_message_without_faults() -> None:
    assert judged(message(executed(counterparty_lei=BROKER), {})) == []
