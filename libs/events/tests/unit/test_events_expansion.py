import subprocess
import sys
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from backoffice_events import expansion
from backoffice_events.expansion import ExpansionError, expanded

pytestmark = pytest.mark.unit

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
HEADERS = [("ce_id", b"1")]


def batch(codec: str, *values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 26,
    )
    for place, value in enumerate(values):
        builder.append(place, timestamp=1, key=b"k", value=value, headers=HEADERS)
    return bytes(builder.build())


def records(data: Any) -> list[tuple[Any, ...]]:
    return [(each.offset, each.key, each.value, each.headers) for each in DefaultRecordBatch(data)]


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(expansion, "MAX_EXPANDED_BYTES", 4096)
    monkeypatch.setattr(expansion, "_room", bytearray(4096))
    return 4096


@pytest.mark.parametrize("codec", CODECS)
def test_what_a_batch_expands_to_holds_the_same_records(codec: str) -> None:
    packed = batch(codec, *(b"value %d" % number * 100 for number in range(20)))
    assert records(expanded(memoryview(packed))) == records(packed)


def test_a_batch_that_is_not_compressed_is_left_as_it_is() -> None:
    packed = memoryview(batch("none", b"x"))
    assert expanded(packed) is packed


@pytest.mark.parametrize("codec", sorted(CODECS.keys() - {"none"}))
def test_what_expands_beyond_the_bound_is_refused_before_it_takes_memory(
    codec: str, little_room: int
) -> None:
    assert records(expanded(memoryview(batch(codec, b" " * (little_room - 100)))))
    with pytest.raises(ExpansionError, match="expands to more than"):
        expanded(memoryview(batch(codec, b" " * little_room)))


@pytest.mark.parametrize("codec", sorted(CODECS.keys() - {"none"}))
def test_compression_that_is_broken_is_told_from_too_much_of_it(codec: str) -> None:
    packed = bytearray(batch(codec, b"value" * 1000))
    packed[70:] = b"\xff" * (len(packed) - 70)
    with pytest.raises(ExpansionError, match="compression is broken"):
        expanded(memoryview(packed))


def test_a_compression_of_the_future_is_named() -> None:
    packed = bytearray(batch("zstd", b"value" * 1000))
    packed[22] |= 7
    with pytest.raises(ExpansionError, match="compression, 7,"):
        expanded(memoryview(packed))


def test_the_room_to_expand_into_takes_no_memory_until_it_is_needed() -> None:
    grown = """
import aiokafka.codec, cramjam, psutil
process = psutil.Process()
before = process.memory_info().rss
import backoffice_events.expansion
print(process.memory_info().rss - before)
"""
    told = subprocess.run([sys.executable, "-c", grown], capture_output=True, check=True, text=True)
    assert int(told.stdout) < expansion.MAX_EXPANDED_BYTES / 2
