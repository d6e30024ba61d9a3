"""An outsider's answer goes on with the trace of what it was told, if that trace is recorded."""

from datetime import UTC, datetime

import pytest

from backoffice_events.cloudevents import TRACEPARENT, Received
from backoffice_events.contracts.csd import CsdInstructionSent, CsdStatusAdvised
from backoffice_events.records import Record
from simulators import trails
from simulators.trails import Trails

pytestmark = pytest.mark.unit

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"


def told(key: str, header: str | None) -> Received[CsdInstructionSent]:
    return Received(
        event=CsdInstructionSent(message_id=key, document=b""),
        event_id="01",
        source="urn:test",
        event_type=CsdInstructionSent.event_type,
        time=datetime(2024, 6, 3, tzinfo=UTC),
        key=key,
        incoming_traceparent=header,
        traceparent=header,
        record=Record("t", key.encode(), b"", ()),
    )


def answer(key: str) -> CsdStatusAdvised:
    return CsdStatusAdvised(message_id=key, document=b"")


def test_only_recorded_traces_are_followed() -> None:
    known = Trails()
    for key, header in (("A", f"{TRACE}1"), ("B", f"{TRACE}0"), ("C", None)):
        known.follow(told(key, header))
    assert [known.of(answer(key)) for key in "ABC"] == [f"{TRACE}1", None, None]


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "_MOST", 2)
    known = Trails()
    for key in "ABC":
        known.follow(told(key, f"{TRACE}1"))
    assert [known.of(answer(key)) is not None for key in "ABC"] == [False, True, True]


def test_an_answer_carries_the_trace_of_its_key_and_no_other() -> None:
    known = Trails()
    known.follow(told("A", f"{TRACE}1"))
    records = known.records("urn:test:csd", [("1", answer("A")), ("2", answer("B"))])
    assert [dict(record.headers)["ce_id"] for record in records] == [b"1", b"2"]
    assert [dict(record.headers).get(TRACEPARENT) for record in records] == [f"{TRACE}1".encode(), None]
