"""The front office of a chaos run: its record, its order, its inputs."""

import random
from pathlib import Path

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from backoffice_cli.chaos.faults.producers import garbage
from backoffice_cli.chaos.front_office import shuffled
from backoffice_cli.chaos.record import FRONT_OFFICE, FrontOfficeRecord, read_record
from backoffice_events.contracts.frontoffice import TradeBusted
from backoffice_events.records import Record
from simulators.front_office.scenario import Act as Report

pytestmark = pytest.mark.unit


def report(reference: str, version: int) -> Report:
    busted = TradeBusted(source_system="OMS", trade_reference=reference, version=version, reason="busted")
    return Report(busted, f"{reference}-{version}")


def test_every_kind_of_garbage_can_be_handed_to_the_broker() -> None:
    batch = BatchBuilder(1_000_000, 0)
    draw = random.Random(1)
    made = [garbage("csd.advices.v1", b"k", draw) for _ in range(100)]
    for each in made:
        batch.append(timestamp=None, key=each.key, value=each.value, headers=each.headers)
    assert len({(each.value or b"")[:2] for each in made}) > 4
    assert None in {each.value for each in made}


@given(st.lists(st.sampled_from("abcdef"), max_size=60), st.integers())
def test_shuffling_keeps_each_trades_order_and_loses_nothing(names: list[str], seed: int) -> None:
    reports = [report(name, version) for version, name in enumerate(names)]
    mixed = shuffled(reports, random.Random(seed))
    assert sorted(each.event_id for each in mixed) == sorted(each.event_id for each in reports)
    for name in set(names):
        own = [each.report.version for each in mixed if each.report.trade_reference == name]
        assert own == sorted(own)


RECORDS = [
    Record("frontoffice.trades.v1", b"OMS:1", b'{"a":1}', (("ce_id", b"1"), ("ce_type", b"x"))),
    Record("frontoffice.trades.v1", None, None, ()),
    Record("trading.trades.v1", b"\xff\xfe", b"\x00\xff", (("ce_type", b"\xff"),)),
]


def test_what_was_handed_over_is_read_as_it_was_with_what_the_broker_said(tmp_path: Path) -> None:
    record = FrontOfficeRecord(tmp_path)
    numbers = record.intend(RECORDS, [("trade", None), ("bad_data", "missing-key"), ("stray", None)])
    record.acknowledge(numbers[:2])
    record.close()
    handed = read_record(tmp_path)
    assert [each.acknowledged for each in handed] == [True, True, False]
    assert [(each.kind, each.broken) for each in handed][1] == ("bad_data", "missing-key")
    for each, sent in zip(handed, RECORDS, strict=True):
        key = None if each.key is None else each.key.encode(errors="surrogateescape")
        assert Record(each.topic, key, each.value, each.headers) == sent


def test_a_record_that_is_continued_goes_on_counting(tmp_path: Path) -> None:
    for _ in range(2):
        record = FrontOfficeRecord(tmp_path)
        record.acknowledge(record.intend(RECORDS[:1], [("trade", None)]))
        record.close()
    assert [each.number for each in read_record(tmp_path)] == [1, 2]
    assert len((tmp_path / FRONT_OFFICE).read_text().splitlines()) == 4
