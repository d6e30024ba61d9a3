"""How much a relay remembers of what it has yet to send."""

import pytest

from backoffice_events.messaging.outbox import Outgoing
from backoffice_events.messaging.remembered import MAX_BYTES, Remembered
from backoffice_events.records import Record

pytestmark = pytest.mark.unit

SIZE = MAX_BYTES // 10


@pytest.mark.parametrize(
    "record", [Record("t", b"k", b"x" * SIZE, []), Record("t", b"k", None, [("junk", b"x" * SIZE)])]
)
def test_what_waits_for_a_broker_fills_no_memory_whatever_it_is_made_of(record: Record) -> None:
    remembered = Remembered()
    ids = [str(number) for number in range(100)]
    for event_id in ids:
        remembered.add([Outgoing(event_id, "type", record)])
    assert sum(remembered.get(event_id) is not None for event_id in ids) <= 10
    assert remembered.get(ids[-1]) is not None


def test_what_was_sent_makes_room() -> None:
    remembered = Remembered()
    record = Record("t", b"k", b"x" * SIZE, [("h", b"x")])
    for number in range(100):
        remembered.add([Outgoing("first", "type", record)] if not number else [])
        remembered.add([Outgoing(f"then {number}", "type", record)])
        remembered.forget([f"then {number}"])
    assert remembered.get("first") is not None
