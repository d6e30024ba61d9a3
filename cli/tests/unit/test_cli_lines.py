"""A line is published when it is exactly what its contract says, and is refused with the reason otherwise."""

import json
from typing import Any

import pytest

from backoffice_cli.lines import Refused, records
from backoffice_events.contracts import Event
from backoffice_events.records import Record

pytestmark = pytest.mark.unit

BUST: dict[str, Any] = {"source_system": "eq", "trade_reference": "T1", "version": 2, "reason": "never was"}
TYPE = "backoffice.frontoffice.trade-busted.v1"


def to_record(event: Event, event_id: str) -> Record:
    return Record(type(event).topic.name, event.key().encode(), event_id.encode(), ())


def line(**changes: Any) -> bytes:
    return json.dumps({"type": TYPE, "data": BUST, **changes}).encode()


def taken(*lines: bytes) -> list[Record | Refused]:
    return list(records(lines, to_record))


def test_a_resend_keeps_its_id() -> None:
    assert taken(line(id="the-former")) == [Record("frontoffice.trades.v1", b"eq:T1", b"the-former", ())]


def test_a_line_without_an_id_gets_one_of_its_own() -> None:
    first, second = taken(line(), line())
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert first.value != second.value


def test_empty_lines_are_skipped_and_still_counted() -> None:
    assert taken(b"\n", b"  \n", b"{") == [Refused(3, "Input data was truncated")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(data={**BUST, "version": "two"}), "version"),
        (line(data={**BUST, "resaon": "typo"}), "unknown field resaon"),
        (line(data=[]), "Expected `object`"),
        (line(type="backoffice.trading.trade-captured.v1"), "is none of"),
        (line(type="x" * 10_000), "is none of"),
        (b'{"type": "' + TYPE.encode() + b'"}', "data"),
        (b'{"type": "x", "data": ' + b"[" * 100_000 + b"}", "recursion"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(bad: bytes, reason: str) -> None:
    (refused,) = taken(bad)
    assert isinstance(refused, Refused)
    assert reason in refused.reason
