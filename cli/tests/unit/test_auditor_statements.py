"""The auditor's statements on evidence made by hand: what breaks them, and what does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from backoffice_cli.auditor.evidence.compliance import ComplianceRows
from backoffice_cli.auditor.evidence.gather import Evidence, keys_of
from backoffice_cli.auditor.evidence.ledger import LedgerRows
from backoffice_cli.auditor.evidence.messaging import MessagingRows
from backoffice_cli.auditor.evidence.records import Records, Said, Starts
from backoffice_cli.auditor.evidence.settlement import SettlementRows
from backoffice_cli.auditor.evidence.topics import Logged, Topics
from backoffice_cli.auditor.evidence.trade_capture import TradeCaptureRows
from backoffice_cli.auditor.picture import Picture, put_together
from backoffice_cli.auditor.report import Statement
from backoffice_cli.auditor.run import examine
from backoffice_cli.auditor.statements import arrival, ends, ledger, letters, order
from backoffice_events.cloudevents import attribute_or_none, encode
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES, TradeBusted
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.messaging.headers import pack
from backoffice_events.records import Record

pytestmark = pytest.mark.unit

NOW = datetime(2024, 8, 8, 12, tzinfo=UTC)
MILLISECONDS = round(NOW.timestamp() * 1000)
IDS = [f"01900000-0000-7000-8000-{number:012}" for number in range(10)]
NO_MESSAGES = MessagingRows(outbox=(), inbox=(), dead_letters=(), actions=(), parked=())
NO_BOOKS = LedgerRows(
    *((), (), (), (), (), (), (), (), ()), sizes=({"journals": 0, "balances": 0, "positions": 0},)
)
SERVICES = ("trade-capture", "compliance", "settlement", "ledger", "hr")


def bust(reference: str = "1", version: int = 2) -> TradeBusted:
    """A report that needs no reference data: of a trade that never was, so it waits in the repair queue."""
    return TradeBusted(source_system="EQ", trade_reference=reference, version=version, reason="wrong")


def record(event: Event, event_id: str, partition: int = 0, offset: int = 0) -> Record:
    made = encode(event, event_id=event_id, source="urn:test", time=NOW)
    return Record(made.topic, made.key, made.value, made.headers, partition, offset)


def logged(event: Event, event_id: str, partition: int = 0, offset: int = 0) -> Logged:
    return Logged(record(event, event_id, partition, offset), MILLISECONDS)


def said(made: Logged, *, acknowledged: bool = True) -> Said:
    return Said(NOW, made.event_id, made.topic, made.key, made.value or b"", acknowledged)


def evidence(*there: Logged, front_office: tuple[Said, ...] = (), **changes: Any) -> Evidence:
    records = Records(front_office, (), (), Starts())
    made: dict[str, Any] = {
        "records": records,
        "topics": Topics(there),
        "keys": keys_of(records),
        "capture": TradeCaptureRows((), (), (), (), (), (), frozenset(), ()),
        "compliance": ComplianceRows((), (), ()),
        "settlement": SettlementRows((), (), (), (), ()),
        "ledger": NO_BOOKS,
        "messaging": dict.fromkeys(SERVICES, NO_MESSAGES),
    }
    return Evidence(**{**made, **changes})


def breaks(statement: Callable[[Picture], Statement], of: Evidence) -> list[tuple[str, str]]:
    return [(each.expected, each.found) for each in statement(put_together(of)).breaks]


def messages(service: str, **rows: Any) -> dict[str, MessagingRows]:
    return {**dict.fromkeys(SERVICES, NO_MESSAGES), service: replace(NO_MESSAGES, **rows)}


def letter(of: Record, status: str = "open", **changes: Any) -> dict[str, Any]:
    row = {
        "id": IDS[9],
        "consumer": "ledger.trades",
        "key": (of.key or b"").decode(),
        "topic": of.topic,
        "partition": of.partition,
        "record_offset": of.offset,
        "record_key": of.key,
        "value": of.value,
        "headers": pack(of.headers),
        "event_id": attribute_or_none(of.headers, "ce_id"),
        "event_type": attribute_or_none(of.headers, "ce_type"),
        "status": status,
        "failed_at": NOW,
        "parked_at": NOW,
        "reason": "no use",
    }
    return {**row, **changes}


def test_an_acknowledged_event_must_be_on_its_topic_byte_for_byte() -> None:
    sent = logged(bust(), IDS[0])
    assert breaks(arrival.acknowledged_are_there, evidence(sent, front_office=(said(sent),))) == []
    other = logged(bust(version=3), IDS[0])
    for there in ((), (other,)):
        found = breaks(arrival.acknowledged_are_there, evidence(*there, front_office=(said(sent),)))
        assert found == [("on the topic", "nowhere")]
    unsure = said(sent, acknowledged=False)
    assert breaks(arrival.acknowledged_are_there, evidence(front_office=(unsure,))) == []


def test_what_nobody_meant_to_send_is_made_up() -> None:
    sent, stray = logged(bust(), IDS[0]), logged(bust(version=3), IDS[1], offset=1)
    found = breaks(arrival.nothing_made_up, evidence(sent, stray, front_office=(said(sent),)))
    assert found == [("meant by an outsider", "made up")]


def test_an_event_on_a_foreign_topic_is_found() -> None:
    day = record(
        BusinessDayOpened(
            calendar="US", business_date=date(2024, 8, 8), version=1, status=BusinessDayStatus.OPEN
        ),
        IDS[0],
    )
    astray = Logged(Record("trading.trades.v1", day.key, day.value, day.headers, 0, 0), MILLISECONDS)
    assert len(breaks(arrival.types_belong, evidence(astray))) == 1
    assert breaks(arrival.types_belong, evidence(Logged(day, MILLISECONDS))) == []


def repair(of: Logged) -> dict[str, Any]:
    topic, partition, offset = of.place
    return {
        "topic": topic,
        "partition": partition,
        "record_offset": offset,
        "source_system": "EQ",
        "trade_reference": "1",
        "status": "WAITING",
        "source_version": 2,
        "event_id": of.event_id,
        "received_at": NOW,
        "reasons": [],
    }


def capture(*repairs: dict[str, Any]) -> TradeCaptureRows:
    return TradeCaptureRows((), (), (), repairs, (), (), frozenset(), ())


def test_a_report_has_exactly_one_end() -> None:
    sent = logged(bust(), IDS[0])
    front_office = (said(sent),)
    right = "in the repair queue"
    whole = evidence(sent, front_office=front_office, capture=capture(repair(sent)))
    assert breaks(ends.published_has_one_end, whole) == []
    lost = evidence(sent, front_office=front_office)
    assert breaks(ends.published_has_one_end, lost) == [(right, "nowhere")]
    twice = evidence(sent, front_office=front_office, capture=capture(repair(sent), repair(sent)))
    assert breaks(ends.published_has_one_end, twice) == [(right, f"{right} 2 times")]


def test_an_event_that_no_inbox_knows_was_not_taken_and_an_exact_repeat_needs_no_row() -> None:
    sent, again = logged(bust(), IDS[0]), logged(bust(), IDS[0], offset=1)
    took = {"consumer": "trade-capture.trades", "event_id": sent.inbox_id, "received_at": NOW}
    whole = evidence(sent, again, messaging=messages("trade-capture", inbox=(took,)))
    assert breaks(ends.every_consumer_took_its_events, whole) == []
    lost = breaks(ends.every_consumer_took_its_events, evidence(sent, again))
    assert lost == [("taken", "not in the inbox")]


def opened(version: int) -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar="US", business_date=date(2024, 8, version), version=version, status=BusinessDayStatus.OPEN
    )


def test_versions_go_back_only_as_exact_repeats() -> None:
    first, second = logged(opened(1), IDS[0], offset=0), logged(opened(2), IDS[1], offset=1)
    repeat = logged(opened(1), IDS[0], offset=2)
    assert breaks(order.versions_never_go_back, evidence(first, second, repeat)) == []
    back = logged(opened(1), IDS[2], offset=2)
    assert len(breaks(order.versions_never_go_back, evidence(first, second, back))) == 1


def test_a_key_in_two_partitions_has_no_order() -> None:
    apart = (logged(opened(1), IDS[0]), logged(opened(2), IDS[1], partition=1))
    assert breaks(order.one_partition_for_a_key, evidence(*apart)) == [("1", "2")]


def test_an_outbox_that_holds_something_is_not_drained() -> None:
    row = {"aggregatetype": "t", "aggregateid": "k", "id": IDS[0], "created_at": NOW, "seq": 1, "type": "x"}
    waiting = evidence(messaging=messages("hr", outbox=(row,)))
    assert breaks(letters.outboxes_are_drained, waiting) == [("sent", "in the outbox")]
    assert breaks(letters.outboxes_are_drained, evidence()) == []


@pytest.mark.parametrize(
    ("status", "key", "explained"),
    [("open", None, True), ("redriven", None, False), ("discarded", None, False), ("open", "another", False)],
)
def test_a_parked_event_needs_an_open_dead_letter_of_its_key(
    status: str, key: str | None, explained: bool
) -> None:
    of = record(bust(), IDS[0])
    before = letter(of, status, **({"key": key} if key else {}))
    found = evidence(messaging=messages("ledger", parked=(letter(of),), dead_letters=(before,)))
    assert (breaks(letters.parked_events_are_explained, found) == []) is explained


@pytest.mark.parametrize(
    "harm",
    [
        {},
        {"value": b"cleaned up"},
        {"record_key": b"k"},
        {"headers": pack([("ce_id", b"x")])},
        {"record_offset": 7},
    ],
)
def test_a_dead_letter_is_the_record_at_its_place(harm: dict[str, Any]) -> None:
    of = logged(bust(), IDS[0])
    row = letter(record(bust(), IDS[0]), **harm)
    found = evidence(of, messaging=messages("trade-capture", dead_letters=(row,)))
    assert (breaks(letters.dead_letters_are_whole, found) == []) is (not harm)


@pytest.mark.parametrize("status", ["open", "discarded", "redriven"])
def test_a_real_event_must_not_end_as_a_dead_letter_but_garbage_may(status: str) -> None:
    of = logged(opened(1), IDS[0])
    refused = messages("ledger", dead_letters=(letter(record(opened(1), IDS[0]), status),))
    found = breaks(letters.no_real_event_is_given_up, evidence(of, messaging=refused))
    expected = [] if status == "redriven" else [("taken, or garbage", f"{status}: no use")]
    assert found == expected
    garbage = evidence(of, messaging=refused, front_office=(said(of),))
    assert breaks(letters.no_real_event_is_given_up, garbage) == []


def test_a_key_is_in_peoples_hands_while_a_letter_is_open_or_once_a_real_event_is_discarded() -> None:
    of = logged(opened(1), IDS[0])
    for status, by_outsider, held in (
        ("open", True, True),
        ("discarded", True, False),
        ("discarded", False, True),
        ("redriven", False, False),
    ):
        refused = messages("ledger", dead_letters=(letter(record(opened(1), IDS[0]), status),))
        front_office = (said(of),) if by_outsider else ()
        picture = put_together(evidence(of, messaging=refused, front_office=front_office))
        assert bool(picture.held) is held


def test_rollups_that_differ_are_named() -> None:
    row = {
        "posting_date": date(2024, 8, 8),
        "account_code": "1100",
        "currency": "USD",
        "book": "B",
        "expected": "(1,0,1)",
        "found": "(2,0,1)",
    }
    books = replace(NO_BOOKS, balance_differences=(row,))
    assert breaks(ledger.rollups_are_the_lines, evidence(ledger=books)) == [("(1,0,1)", "(2,0,1)")]


def test_books_that_do_not_balance_are_found() -> None:
    books = replace(NO_BOOKS, by_currency=({"currency": "USD", "amount": Decimal("0.01"), "lines": 3},))
    assert breaks(ledger.books_balance, evidence(ledger=books)) == [("0", "0.01")]


def test_a_break_comes_with_the_seed_and_its_keys_story() -> None:
    sent = logged(bust(), IDS[0])
    report = examine(evidence(sent, front_office=(said(sent),)), seed="42")
    assert not report.ok
    document = report.as_json()
    assert document["seed"] == "42"
    broken = next(each for each in document["breaks"] if each["found"] == "nowhere")
    assert "EQ:1" in broken["key"]
    assert any(FRONTOFFICE_TRADES.name in line for line in broken["timeline"])
    assert any("front office says" in line for line in broken["timeline"])
    assert any("42" in line for line in report.lines())


def test_a_break_that_names_but_a_place_has_the_story_of_what_lies_there() -> None:
    garbage = Record(FRONTOFFICE_TRADES.name, b"nobody", b"{", [("ce_id", b"unreadable")], 3, 97)
    of, row = Logged(garbage, MILLISECONDS), letter(garbage, value=b"", consumer="trade-capture.trades")
    found = evidence(of, messaging=messages("trade-capture", dead_letters=(row,)))
    broken = next(each for each in examine(found, seed="1").breaks if "original bytes" in each.statement)
    assert any("dead letter" in line for line in broken.timeline)
    assert any("unreadable" in line for line in broken.timeline)


def test_an_empty_run_is_clean() -> None:
    report = examine(evidence(), seed="1")
    assert report.ok
    assert all(not each.broken for each in report.statements)
